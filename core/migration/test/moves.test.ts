import { describe, expect, it } from "vitest";
import { type Fault, faults, MoveWorld, text, type WorldPlan } from "./move-world.ts";

function world(plan: WorldPlan = {}): MoveWorld {
  return new MoveWorld(plan).run();
}

/** As many steps as the plain course has until the move is over. */
const plain = world();
const stepCount = plain.log.length * 2;
const linkFaults: readonly Fault[] = faults.slice(0, 6);

describe("two movers", () => {
  it("move a guest, its clients and what the servers say", () => {
    const { sourceGuest, targetGuest, clients, violations } = plain;
    expect({ sourceGuest, targetGuest, clients, violations }).toEqual({
      sourceGuest: "destroyed",
      targetGuest: "running",
      clients: "target",
      violations: [],
    });
    expect(plain.toTargetServer).toEqual(["announce", "channel state"]);
    expect(plain.toSourceServer).toEqual(["seen: announce", "seen: channel state"]);
    expect(plain.ended).toEqual({ name: "ended", owner: "target", error: null });
    const phases = plain.sourceEvents.filter(({ name }) => name === "phase");
    expect(phases.map((event) => "phase" in event && event.phase)).toEqual([
      "connecting",
      "preparing",
      "linking",
      "stopping",
      "sending",
      "committing",
      "switching",
      "settling",
      "ended",
    ]);
    expect(plain.sourceEvents).toContainEqual({ name: "outcome", report: text("all kept") });
    expect(plain.target?.phase).toBe("ended");
  });

  it.each([0, 1, 65_536, 900_000])("carry a state of %i bytes in parts", (stateSize) => {
    const done = world({ stateSize });
    expect(done.ended?.error).toBeNull();
    expect(done.violations).toEqual([]);
    const last = done.sourceEvents.filter(({ name }) => name === "progress").at(-1);
    expect(last).toEqual({ name: "progress", sent: stateSize, total: stateSize });
  });

  it("give a guest that goes over while it runs time as long as it gets on", () => {
    const done = world({ live: true });
    const { sourceGuest, targetGuest, violations } = done;
    expect({ sourceGuest, targetGuest, violations }).toEqual({
      sourceGuest: "destroyed",
      targetGuest: "running",
      violations: [],
    });
    expect(done.sourceEvents).toContainEqual({ name: "phase", phase: "moving" });
    expect(done.sourceEvents).toContainEqual({ name: "progress", sent: 50, total: 100 });
  });

  it("refuse a state that is too large, and the guest goes on", () => {
    const done = world({ stateSize: (1 << 20) + 1 });
    expect(done.ended?.error?.message).toMatch(/more than 1048576 bytes/);
    expect([done.sourceGuest, done.targetGuest]).toEqual(["running", "dropped"]);
  });

  it.each(["prepare", "load"] as const)(
    "stay where they are when the target cannot %s",
    (refuses) => {
      const done = world({ refuses });
      expect(done.ended).toMatchObject({ owner: "source", error: { code: "MOVE_REFUSED" } });
      expect([done.sourceGuest, done.clients]).toEqual(["running", "source"]);
    },
  );
});

describe.each(faults)("whenever this happens: %s", (fault) => {
  it.each(["returns", "stays-away"] as const)(
    "one owner at most, and the network %s",
    (network) => {
      for (let step = 0; step < stepCount; step++) {
        const done = world({ faults: new Map([[step, fault]]), network });
        expect(done.violations, `step ${step}\n${done.log.join("\n")}`).toEqual([]);
      }
    },
  );

  it("one owner at most, of a guest that goes over while it runs", () => {
    const steps = world({ live: true }).log.length * 2;
    for (let step = 0; step < steps; step++) {
      const done = world({ live: true, faults: new Map([[step, fault]]) });
      expect(done.violations, `step ${step}\n${done.log.join("\n")}`).toEqual([]);
    }
  });

  it.each(["source", "target"] as const)("and an operator who decides for the %s", (operator) => {
    for (let step = 0; step < stepCount; step++) {
      const plan = { faults: new Map([[step, fault]]), network: "stays-away", operator } as const;
      const done = world(plan);
      // An operator may be wrong about the other host, and only then it runs on both.
      const known = done.violations.filter((what) => {
        return what !== "the guest runs on both" || done.decided === null;
      });
      expect(known, `step ${step}\n${done.log.join("\n")}`).toEqual([]);
    }
  });
});

describe("a link that comes back", () => {
  it.each(linkFaults)("leaves one guest that runs, and everybody with it: %s", (fault) => {
    for (let step = 0; step < stepCount; step++) {
      const done = world({ faults: new Map([[step, fault]]), network: "returns" });
      const where = `step ${step}\n${done.log.join("\n")}`;
      const runs = [done.sourceGuest, done.targetGuest].filter((state) => state === "running");
      expect(runs, where).toHaveLength(1);
      expect(done.source.phase, where).toBe("ended");
      const isHere = done.sourceGuest === "running";
      expect(done.ended?.owner, where).toBe(isHere ? "source" : "target");
      expect(done.clients, where).toBe(isHere ? "source" : "target");
      // What the servers say comes once and in order, as far as it comes.
      expect(["announce", "channel state"].slice(0, done.toTargetServer.length)).toEqual(
        done.toTargetServer,
      );
      if (!isHere) expect(done.toTargetServer, where).toHaveLength(2);
    }
  });

  it("stands any two faults of it", () => {
    const outcomes = new Set<string>();
    for (let first = 0; first < stepCount; first += 1) {
      for (let second = first + 1; second < stepCount + 20; second += 7) {
        for (const fault of linkFaults) {
          const plan = new Map<number, Fault>([
            [first, fault],
            [second, linkFaults[(first + second) % linkFaults.length]!],
          ]);
          const done = world({ faults: plan });
          const where = `steps ${first} ${second} ${fault}\n${done.log.join("\n")}`;
          expect(done.violations, where).toEqual([]);
          const runs = [done.sourceGuest, done.targetGuest].filter((is) => is === "running");
          expect(runs, where).toHaveLength(1);
          outcomes.add(done.ended?.owner ?? "none");
        }
      }
    }
    expect([...outcomes].sort()).toEqual(["source", "target"]);
  });
});

describe("a host that dies", () => {
  it("leaves the guest stopped at the source, in doubt, once COMMIT was sent", () => {
    const doubts: number[] = [];
    for (let step = 0; step < stepCount; step++) {
      for (const fault of ["kill-target", "restart-target"] as const) {
        const done = world({ faults: new Map([[step, fault]]) });
        const where = `step ${step} ${fault}\n${done.log.join("\n")}`;
        const wasSent = done.sourceEvents.some((event) => {
          return event.name === "phase" && event.phase === "committing";
        });
        if (done.ended === undefined) {
          doubts.push(step);
          expect(wasSent, where).toBe(true);
          expect(done.source.phase, where).toBe("in-doubt");
          expect(done.sourceGuest, where).toBe("stopped");
        } else if (!wasSent) expect(done.sourceGuest, where).toBe("running");
      }
    }
    expect(doubts.length).toBeGreaterThan(4);
  });

  it("leaves no copy that runs when it was the source, before COMMIT came", () => {
    let orphans = 0;
    for (let step = 0; step < stepCount; step++) {
      const done = world({ faults: new Map([[step, "kill-source"]]) });
      const where = `step ${step}\n${done.log.join("\n")}`;
      if (done.isCommitted) expect(done.targetGuest, where).toBe("running");
      else expect(["none", "dropped"], where).toContain(done.targetGuest);
      if (done.targetEvents.some(({ name }) => name === "in-doubt")) orphans += 1;
    }
    expect(orphans).toBeGreaterThan(0);
  });
});

describe("cancelling", () => {
  it("brings everything back before the commit, and is refused behind it", () => {
    const told = new Set<string>();
    for (let step = 0; step < stepCount; step++) {
      const done = world({ faults: new Map([[step, "cancel-source"]]) });
      const where = `step ${step}\n${done.log.join("\n")}`;
      const wasRefused = done.sourceEvents.some(({ name }) => name === "cancel-refused");
      if (done.ended?.error != null) {
        told.add("cancelled");
        expect(done.ended.error.code, where).toBe("MOVE_CANCELLED");
        expect([done.sourceGuest, done.clients], where).toEqual(["running", "source"]);
        expect(["none", "dropped"], where).toContain(done.targetGuest);
      } else {
        expect([done.sourceGuest, done.targetGuest], where).toEqual(["destroyed", "running"]);
        if (wasRefused) told.add("refused");
      }
    }
    expect([...told].sort()).toEqual(["cancelled", "refused"]);
  });
});

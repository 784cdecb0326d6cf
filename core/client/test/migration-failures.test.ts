import { describe, expect, it } from "vitest";
import {
  connected,
  expectAttached,
  expectEnded,
  expectNoBreach,
  ready,
  type Setting,
  type SettingOptions,
} from "./setting.ts";

const modes = ["seamless", "semi-seamless"] as const;

/** Codes that may end a session in whose migration a server died. */
const endings = ["MIGRATION_TIMEOUT", "CHANNEL_CLOSED", "LINK_UNREACHABLE", "LINK_CLOSED"];

function linkFailures({ world }: Setting): string[] {
  return world.named("migration").flatMap((event) => {
    return event.phase === "link-failed" ? [`${event.channel} ${event.attempt}`] : [];
  });
}

function failureCodes({ world }: Setting): string[] {
  return world.named("migration").flatMap((event) => {
    return event.phase === "failed" || event.phase === "not-ready" ? [event.error.code] : [];
  });
}

/** However it went: nothing hangs, nothing is left open, and the end has a reason. */
function expectSettled(setting: Setting): void {
  const { world, source } = setting;
  world.advance(60_000);
  if (/(begin|ready):\S+$/.test(world.phases)) {
    // Links are made, or tried again, until the guest moves or will not.
    source.cancel();
    world.run();
  }
  if (world.endCode === undefined) {
    const ports = new Set(world.openConnections.map(({ port }) => port));
    expect(ports).toEqual(new Set([world.session.endpoint.port]));
    expect(JSON.stringify(world.session.snapshot(world.now), text)).not.toContain("handed-over");
  } else {
    expect(endings).toContain(world.endCode);
    expect(world.openConnections).toEqual([]);
  }
  expect(world.session.deadline()).toBeNull();
  expectNoBreach(setting);
}

function text(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

describe("a link to the target that fails", () => {
  it("is tried again, and the move is seamless", () => {
    const setting = connected();
    const { world, source, target } = setting;
    let refusals = 3;
    target.refuse = ({ name }) => (name === "display" && refusals-- > 0 ? "close" : null);
    source.announce(target);
    world.advance(5000);
    expect(source.answer).toBe("seamless");
    expect(linkFailures(setting)).toEqual(["display 1", "display 2", "display 3"]);
    source.finish(target);
    world.advance(1000);
    expectAttached(setting, target);
  });

  it("because the ticket is not set yet is tried again", () => {
    const setting = connected({ password: "secret", source: { password: "secret" } });
    const { world, source, target } = setting;
    Object.assign(target.options, { password: "other" });
    source.announce(target);
    world.advance(2000);
    Object.assign(target.options, { password: "secret" });
    world.advance(2000);
    expect(source.answer).toBe("seamless");
  });

  it.each(["usbredir", "playback", "cursor"])(
    "on %s for good does not keep the others from moving, and is not waited for",
    (name) => {
      const setting = connected();
      const { world, source, target } = setting;
      target.refuse = (request) => (request.name === name ? "close" : null);
      source.announce(target);
      world.advance(300);
      expect(source.answer).toBe("seamless");
      source.finish(target);
      world.run();
      expect(source.completed).toBe(true);
      expect(world.phases).toContain("done:seamless");
      world.advance(5000);
      expect(world.outcomes).toContain(`${name} 0: lost`);
      expect(world.named("channel-lost")).toHaveLength(1);
      expectAttached(setting, target);
    },
  );

  it("on an optional channel until the move makes that channel begin anew behind it", () => {
    const setting = connected();
    const { world, source, target } = setting;
    target.refuse = ({ name }) => (name === "usbredir" ? "close" : null);
    source.announce(target);
    world.advance(300);
    source.finish(target);
    world.run();
    target.refuse = () => null;
    world.advance(1000);
    expect(world.outcomes).toContain("usbredir 0: rebuilt");
    expectAttached(setting, target);
  });

  it("by hanging on an optional channel is waited for a little, not for ever", () => {
    const setting = connected();
    const { world, source, target } = setting;
    target.refuse = ({ name }) => (name === "usbredir" ? "silence" : null);
    source.announce(target);
    world.advance(2999);
    expect(source.answer).toBe("none");
    world.advance(1);
    expect(source.answer).toBe("seamless");
    source.finish(target);
    world.run();
    expect(source.completed).toBe(true);
    expect(world.phases).not.toContain("done");
    world.advance(1000);
    expect(world.phases).toContain("done:seamless");
    expectSettled(setting);
    expect(world.outcomes).toContain("usbredir 0: lost");
  });

  it("on a channel without which there is no session keeps the session at the source", () => {
    const setting = connected();
    const { world, source, target } = setting;
    target.refuse = ({ name }) => (name === "display" ? "close" : null);
    source.announce(target);
    world.advance(9000);
    expect(source.answer).toBe("error");
    expect(failureCodes(setting)).toEqual(["MIGRATION_NOT_LINKED"]);
    expectAttached(setting, source);
    target.refuse = () => null;
    source.finish(target);
    world.run();
    expect(world.phases).toContain("done:switch-host");
    expectAttached(setting, target);
  });

  it("because nobody listens is tried until it is time to answer", () => {
    const setting = connected();
    const { world, source, target } = setting;
    target.die();
    source.announce(target);
    world.advance(9000);
    expect(source.answer).toBe("error");
    expect(linkFailures(setting).length).toBeGreaterThan(4);
    expectAttached(setting, source);
    source.finish(target);
    world.advance(15_000);
    expectEnded(setting, "MIGRATION_TIMEOUT");
  });

  it("because packets vanish is given up in time", () => {
    const setting = connected();
    const { world, source, target } = setting;
    target.isDeaf = true;
    source.announce(target);
    world.advance(9000);
    expect(source.answer).toBe("error");
    expectAttached(setting, source);
    source.finish(target);
    world.advance(15_000);
    expectEnded(setting, "MIGRATION_TIMEOUT");
  });

  it("because the ticket has expired ends the session when the guest moves", () => {
    const setting = connected({
      password: "p",
      source: { password: "p" },
      target: { password: "q" },
    });
    const { world, source, target } = setting;
    source.announce(target);
    world.advance(9000);
    expect(source.answer).toBe("error");
    expect(failureCodes(setting)).toEqual(["MIGRATION_NOT_LINKED"]);
    source.finish(target);
    world.run();
    expectEnded(setting, "LINK_PERMISSION_DENIED");
  });

  it("because the embedder does not allow the target is answered at once", () => {
    const setting = connected({ session: { mapTarget: () => null } });
    const { world, source, target } = setting;
    source.announce(target);
    world.run();
    expect(source.answer).toBe("error");
    expect(failureCodes(setting)).toEqual(["MIGRATION_TARGET_REFUSED"]);
    expectAttached(setting, source);
  });

  it("does not keep main from being read", () => {
    const { world, source, target } = connected();
    target.isDeaf = true;
    source.announce(target);
    world.run();
    source.main.send("PING", { id: 1, timestamp: 1n, data: new Uint8Array() });
    world.run();
    expect(source.main.names()).toContain("PONG");
  });
});

describe.each(modes)("a migration that is cancelled, %s", (mode) => {
  it("at any step leaves the session where it was, and the next one succeeds", () => {
    for (let count = 0; count < 90; count += 2) {
      const setting = connected();
      const { world, source, target } = setting;
      source.announce(target, mode);
      for (let step = 0; step < count; step++) world.steps[0]?.take();
      source.cancel();
      world.run();
      expect(world.phases).toMatch(/cancelled$/);
      expect(target.labels).toEqual([]);
      expectAttached(setting, source);
      source.announce(target, mode);
      world.run();
      source.finish(target);
      world.run();
      expect(world.phases).toContain(`done:${mode}`);
      expectAttached(setting, target);
    }
  });

  it("leaves channels that come later at the source", () => {
    const setting = ready(mode);
    const { world, source } = setting;
    source.cancel();
    world.run();
    Object.assign(source.options, { channels: [...source.listed, "display 1"] });
    source.list("display 1");
    world.run();
    expect(source.labels).toContain("display 1");
    expectAttached(setting, source);
  });
});

describe("a cancel out of nothing", () => {
  it("changes nothing", () => {
    const setting = connected();
    setting.source.cancel();
    setting.world.run();
    expect(setting.world.phases).toBe("");
    expectAttached(setting, setting.source);
  });

  it("in the middle of the switch begins the session anew at the target", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    source.migrate("display 0");
    world.run();
    source.cancel();
    world.advance(1000);
    expect(failureCodes(setting)).toEqual(["MIGRATION_SOURCE_LOST"]);
    expect(world.phases).toContain("done:switch-host");
    expectAttached(setting, target);
  });
});

/** Lets management go on: the guest moves as soon as the client has answered. */
function course(
  options: SettingOptions,
  mode: (typeof modes)[number],
  steps: number,
): Setting & { finished: boolean } {
  const setting = { ...connected(options), finished: false };
  const { world, source, target } = setting;
  source.announce(target, mode);
  for (let step = 0; step < steps; step++) {
    if (source.answer !== "none" && !setting.finished) {
      setting.finished = true;
      source.finish(target);
    }
    if (step % 7 === 3) world.type(30 + (step % 20));
    world.steps[0]?.take();
  }
  return setting;
}

describe.each(modes)("a server that dies, %s,", (mode) => {
  const stepCount = 150;

  it("the source at any step: the session settles at the target, or ends with a reason", () => {
    const results = new Set<string>();
    for (let steps = 0; steps < stepCount; steps++) {
      const setting = course({}, mode, steps);
      setting.source.die();
      expectSettled(setting);
      // Without a word of a target there is nowhere to go.
      if (setting.world.phases === "") expectEnded(setting, "CHANNEL_CLOSED");
      else expectAttached(setting, setting.target);
      results.add(setting.world.phases.split(" ").at(-1)!);
    }
    expect(results).toEqual(new Set(["", "done:switch-host", `done:${mode}`]));
  });

  it("the target at any step: the session stays, or ends with a reason", () => {
    const results = new Set<unknown>();
    for (let steps = 0; steps < stepCount; steps++) {
      const setting = course({}, mode, steps);
      setting.target.die();
      expectSettled(setting);
      if (!setting.finished) expectAttached(setting, setting.source);
      else expect(endings).toContain(setting.world.endCode);
      results.add(setting.world.endCode);
    }
    expect(results.size).toBeGreaterThan(1);
  });

  it("both at any step: the session ends with a reason", () => {
    for (let steps = 0; steps < stepCount; steps += 3) {
      const setting = course({}, mode, steps);
      setting.source.die();
      setting.target.die();
      expectSettled(setting);
      expect(endings).toContain(setting.world.endCode);
    }
  });

  it("the target at any step, and is started again: the session settles there", () => {
    for (let steps = 0; steps < stepCount; steps += 3) {
      const setting = course({}, mode, steps);
      setting.target.die();
      setting.target.listen();
      setting.world.advance(20_000);
      if (setting.finished && setting.world.endCode === undefined) {
        expectAttached(setting, setting.target);
      }
      expectSettled(setting);
    }
  });
});

describe("a source that does not finish the switch", () => {
  it("in time is left, and a new session is opened at the target", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    source.migrate("main 0", "inputs 0");
    world.advance(9999);
    expect(failureCodes(setting)).toEqual([]);
    world.advance(1);
    expect(failureCodes(setting)).toEqual(["MIGRATION_TIMEOUT"]);
    world.advance(1000);
    expect(world.phases).toContain("done:switch-host");
    expectAttached(setting, target);
  });

  it("on an optional channel costs only that channel", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    source.migrate(...source.labels.filter((label) => label !== "playback 0"));
    world.advance(10_000);
    expect(world.phases).toContain("done:seamless");
    expect(source.completed).toBe(true);
    world.advance(1000);
    expect(world.outcomes).toContain("playback 0: rebuilt");
    expectAttached(setting, target);
  });

  it("because an optional channel breaks costs only that channel", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    source.migrate(...source.labels.filter((label) => label !== "playback 0"));
    world.run();
    source.channel("playback 0").close();
    world.advance(1000);
    expect(world.phases).toContain("done:seamless");
    expectAttached(setting, target);
  });

  it.each(["display 0", "main 0", "usbredir 0"])(
    "cleanly, and says something more on %s after MIGRATE, is heard and not answered",
    (label) => {
      const setting = ready("seamless");
      const { world, source, target } = setting;
      const channel = source.channel(label);
      source.migrate(...source.labels);
      channel.send("PING", { id: 1, timestamp: 1n, data: new Uint8Array() });
      channel.send("NOTIFY", {
        timeStamp: 0n,
        severity: 0,
        visibility: 0,
        what: 0,
        message: "late",
        padding: new Uint8Array(),
      });
      world.advance(1000);
      expect(channel.names()).not.toContain("PONG");
      expect(world.named("notify")).toHaveLength(1);
      expect(world.phases).toContain("done:seamless");
      expectAttached(setting, target);
    },
  );

  it("but answers what crossed MIGRATE is understood", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    world.command({ name: "mouse-mode", mode: "server" });
    source.migrate(...source.labels);
    world.advance(1000);
    expect(world.phases).toContain("done:seamless");
    expect(world.named("mouse-mode").map(({ mode }) => mode)).toContain("server");
    expectAttached(setting, target);
  });
});

describe("a guest that moves before the client is ready", () => {
  it("by MIGRATE, because the source remembers an earlier answer, is followed to the target", () => {
    for (let count = 0; count < 60; count += 3) {
      const setting = connected();
      const { world, source, target } = setting;
      source.announce(target);
      for (let step = 0; step < count && source.answer === "none"; step++) world.steps[0]?.take();
      if (source.answer !== "none") break;
      source.migrate(...source.labels);
      world.advance(1000);
      // The client may have answered when the guest was already on its way.
      const wasReady = world.phases.includes("ready");
      expect(failureCodes(setting)).toEqual(wasReady ? [] : ["MIGRATION_NOT_LINKED"]);
      expect(world.phases).toContain(wasReady ? "done:seamless" : "done:switch-host");
      expectAttached(setting, target);
    }
  });

  it("by MIGRATE after it was told that there is no link, is followed too", () => {
    const setting = connected();
    const { world, source, target } = setting;
    target.die();
    source.announce(target);
    world.advance(9000);
    target.listen();
    source.migrate(...source.labels);
    world.advance(1000);
    expect(world.phases).toContain("done:switch-host");
    expect(world.session.endpoint.port).toBe(2);
  });
});

describe("a link to the target that is lost before the move", () => {
  it("is made again with all the others, so that the target counts right", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    target.channel("display 0").close();
    world.run();
    expect(target.labels).toEqual([]);
    world.advance(1000);
    expect(target.labels.sort()).toEqual(source.labels.sort());
    source.finish(target);
    world.advance(1000);
    expect(world.phases).toContain("done:seamless");
    expect(target.isArrived).toBe(true);
    expectAttached(setting, target);
  });

  it("and not there again at the switch begins the session anew", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    target.main.close();
    world.run();
    source.finish(target);
    world.advance(1000);
    expect(failureCodes(setting)).toEqual(["MIGRATION_TARGET_LOST"]);
    expect(world.phases).toContain("done:switch-host");
    expectAttached(setting, target);
  });

  it("and is being made when the guest moves is waited for, and the source is not", () => {
    const channels = ["display 0", "inputs 0", "cursor 0"];
    const setting = ready("seamless", { source: { channels }, target: { channels } });
    const { world, source, target } = setting;
    target.channel("inputs 0").close();
    world.run();
    world.now += 250;
    world.feed({ type: "timeout" });
    world.run(() => target.labels.length === 3);
    source.finish(target);
    // The source has said all; only the link of the cursor is on its way.
    world.run(() => source.completed);
    expect(world.phases).not.toContain("done");
    expect(target.labels).not.toContain("cursor 0");
    expect(target.main.names()).not.toContain("MIGRATE_DATA");
    world.run();
    expect(world.outcomes).toContain("cursor 0: kept");
    expect(target.isArrived).toBe(true);
    expectAttached(setting, target);
  });

  it("and is made again at a target that no longer takes state gets none", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    Object.assign(target.options, { seamless: "nack" });
    target.main.close();
    world.advance(1000);
    source.finish(target);
    world.advance(1000);
    expect(failureCodes(setting)).toEqual(["MIGRATION_TARGET_LOST"]);
    expect(world.phases).toContain("done:switch-host");
    expectAttached(setting, target);
  });

  it("and comes back in the middle of the switch is used", () => {
    const setting = ready("seamless");
    const { world, source, target } = setting;
    target.main.close();
    world.run();
    // Links are being made again when MIGRATE comes.
    world.now += 250;
    world.feed({ type: "timeout" });
    world.run(() => target.labels.includes("main 0"));
    source.finish(target);
    world.advance(2000);
    expect(world.phases).toMatch(/done:(seamless|switch-host)$/);
    expectAttached(setting, target);
  });
});

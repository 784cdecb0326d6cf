import { describe, expect, it } from "vitest";
import { Turns } from "../src/index.ts";

/** A clock that stands still until it is told. */
class StandingClock {
  time = 0;
  readonly timers: { readonly at: number; readonly run: () => void }[] = [];

  now(): number {
    return this.time;
  }

  wake(delayMs: number, run: () => void): () => void {
    const timer = { at: this.time + delayMs, run };
    this.timers.push(timer);
    return () => this.timers.splice(this.timers.indexOf(timer), 1);
  }

  /** The next timer fires, at `time`. */
  fire(time: number): void {
    this.time = time;
    this.timers.shift()?.run();
  }
}

function turns() {
  const clock = new StandingClock();
  const log: string[] = [];
  const setting = { deadline: null as number | null };
  const law = new Turns({
    clock,
    deadline: () => setting.deadline,
    wake: () => {
      log.push(`woken at ${clock.time}`);
      setting.deadline = null;
    },
    fault: (error) => log.push(`fault: ${error}`),
  });
  return { clock, log, setting, law };
}

describe("turns", () => {
  it("come one after the other: what one brings about waits for its end", () => {
    const { law, log } = turns();
    law.take(() => {
      law.take(() => log.push("second"));
      log.push("first");
    });
    expect(log).toEqual(["first", "second"]);
  });

  it("are followed by a timer for the deadline, which moves with it", () => {
    const { law, clock, setting, log } = turns();
    for (const deadline of [500, 500, 200.5]) {
      setting.deadline = deadline;
      law.take(() => {});
    }
    expect(clock.timers.map(({ at }) => at)).toEqual([201]);
    clock.fire(201);
    expect(log).toEqual(["woken at 201"]);
    expect(clock.timers).toEqual([]);
  });

  it("wait on when a timer fires early, and for longer than timers can", () => {
    const { law, clock, setting, log } = turns();
    setting.deadline = 2 ** 32;
    law.take(() => {});
    clock.fire(2 ** 31 - 1);
    expect(log).toEqual([]);
    clock.fire(2 ** 32 - 1);
    expect(log).toEqual([]);
    clock.fire(2 ** 32);
    expect(log).toEqual([`woken at ${2 ** 32}`]);
  });

  it("end with a fault, and those that wait with them", () => {
    const { law, clock, setting, log } = turns();
    setting.deadline = 5;
    law.take(() => {});
    law.take(() => {
      law.take(() => log.push("never"));
      throw new Error("broken");
    });
    law.take(() => log.push("never"));
    expect(log).toEqual(["fault: Error: broken"]);
    expect(clock.timers).toEqual([]);
    expect(law.isStopped).toBe(true);
  });
});

// Random courses of a session whose VM moves and moves on: which connection delivers next, where
// its bytes are cut, when the user types, when management acts and what dies, all by a seed.

import fc from "fast-check";
import { expect, it } from "vitest";
import { ScriptedServer } from "./scripted-server.ts";
import { testChannels } from "./setting.ts";
import { type Step, World } from "./world.ts";

/** mulberry32: the same course for the same seed. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 0 ≤ n < `below`. */
  roll(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.roll(items.length)]!;
  }
}

interface Faults {
  /** Every target takes state, and the guest moves when the client is ready. */
  readonly seamless?: boolean;
  /** Links are refused now and then. */
  readonly links: boolean;
  /** A server may die. */
  readonly deaths: boolean;
}

class Course {
  readonly dice: Dice;
  readonly world: World;
  readonly servers: ScriptedServer[] = [];
  readonly pressed: number[] = [];
  readonly #faults: Faults;
  #here: ScriptedServer;
  #next: ScriptedServer | null = null;
  #moves = 0;
  #died = false;

  constructor(seed: number, faults: Faults) {
    this.dice = new Dice(seed);
    this.#faults = faults;
    this.world = new World({
      session: { channels: testChannels },
      choose: (steps: readonly Step[]) => this.dice.pick(steps),
      cut: (size) => (this.dice.roll(3) === 0 ? 1 + this.dice.roll(size) : size),
    });
    this.#here = this.#start(1);
    this.world.command({ name: "open" });
    this.world.run();
  }

  /** Where the guest runs. */
  get here(): ScriptedServer {
    return this.#here;
  }

  get died(): boolean {
    return this.#died;
  }

  get moves(): number {
    return this.#moves;
  }

  run(length: number): void {
    for (let count = 0; count < length && this.world.endCode === undefined; count++) {
      const event = this.dice.roll(100);
      if (event < 84) this.#step();
      else if (event < 91) this.#type();
      else if (event < 95) this.#pass();
      else this.#manage();
    }
    for (const server of this.servers) server.refuse = () => null;
    // Management ends what it has begun: an unfinished announcement is called off.
    if (this.#next !== null && this.#here.labels.includes("main 0")) this.#here.cancel();
    this.world.advance(60_000);
  }

  #start(port: number): ScriptedServer {
    const { dice, world } = this;
    const server = new ScriptedServer(world, {
      name: `server ${port}`,
      port,
      miniHeader: dice.roll(2) === 0,
      seamless: this.#faults.seamless !== true && dice.roll(5) === 0 ? "nack" : "ack",
    });
    if (this.#faults.links && port > 1) {
      server.refuse = ({ password }) => {
        if (password !== null || dice.roll(6) > 0) return null;
        return dice.pick(["close", "ERROR", "CHANNEL_NOT_AVAILABLE"] as const);
      };
    }
    this.servers.push(server);
    return server;
  }

  #step(): void {
    const { steps } = this.world;
    if (steps.length > 0) this.dice.pick(steps).take();
    else this.#pass();
  }

  #pass(): void {
    const { dice, world } = this;
    world.now += dice.roll(400);
    const deadline = world.session.deadline();
    if (deadline !== null && deadline <= world.now) world.feed({ type: "timeout" });
  }

  /** Each key once, so that what was lost or doubled shows. */
  #type(): void {
    const scancode = 2 + (this.pressed.length % 80);
    this.pressed.push(scancode);
    this.world.type(scancode);
  }

  #manage(): void {
    const { dice } = this;
    if (!this.#here.labels.includes("main 0")) return;
    if (this.#next === null) {
      if (!this.#here.isArrived || this.#here.labels.length < 5) return;
      this.#next = this.#start(this.servers.length + 1);
      const modes = ["seamless", "seamless", "semi-seamless"] as const;
      this.#here.announce(this.#next, this.#faults.seamless ? "seamless" : dice.pick(modes));
    } else if (this.#faults.deaths && dice.roll(6) === 0) {
      this.#died = true;
      dice.pick([this.#here, this.#next]).die();
    } else if (dice.roll(5) === 0) {
      // spice-server tells only a client that has answered, and one that answers too late.
      if (this.#here.answer === "none") return;
      this.#here.cancel();
      this.#next = null;
    } else if (this.#here.answer !== "none" || (!this.#faults.seamless && dice.roll(4) === 0)) {
      this.#moves += 1;
      this.#here.finish(this.#next);
      this.#here = this.#next;
      this.#next = null;
    }
  }

  /** Rules that hold however it went. */
  check(): void {
    const { world, servers } = this;
    expect(servers.flatMap(({ violations }) => violations)).toEqual([]);
    const attached = servers.filter(({ labels }) => labels.length > 0);
    if (world.endCode === undefined) {
      expect(attached.map(({ name }) => name)).toEqual([this.#attachedName()]);
      expect(world.openConnections).toHaveLength(attached[0]!.channels.size);
      expect(world.session.endpoint.port).toBe(attached[0]!.options.port);
    } else {
      expect(world.openConnections).toEqual([]);
      expect(attached).toEqual([]);
    }
    expect(world.session.deadline()).toBeNull();
    this.#checkKeys();
  }

  /** After a death the session may be where the guest is not, but never at two servers. */
  #attachedName(): string {
    if (!this.#died) return this.#here.name;
    const { port } = this.world.session.endpoint;
    return this.servers.find(({ options }) => options.port === port)!.name;
  }

  /**
   * A key goes down once, at one server, in order. A source that is left without a flush mark may
   * miss what was under way to it; otherwise every key goes down, and none stays down.
   */
  #checkKeys(): void {
    const written = this.servers.flatMap(({ keys }) => keys);
    const downs = written.filter((key) => key.startsWith("+")).map(Number);
    if (this.#faults.seamless !== true) {
      let at = 0;
      for (const key of this.pressed) if (downs[at] === key) at += 1;
      expect(downs.slice(at)).toEqual([]);
      return;
    }
    expect(downs).toEqual(this.pressed);
    const held = new Set<number>();
    for (const key of written) {
      if (key.startsWith("+")) held.add(Number(key));
      else held.delete(-Number(key));
    }
    expect([...held]).toEqual([]);
  }
}

function course(seed: number, faults: Faults): Course {
  const subject = new Course(seed, faults);
  subject.run(400);
  subject.check();
  return subject;
}

const seeds = fc.integer();

it("keeps the session and every key through seamless moves, in any order of events", () => {
  let moves = 0;
  fc.assert(
    fc.property(seeds, (seed) => {
      const subject = course(seed, { seamless: true, links: false, deaths: false });
      expect(subject.world.endCode).toBeUndefined();
      expect(subject.world.phases).not.toContain("failed");
      moves += subject.moves;
    }),
    { numRuns: 100 },
  );
  expect(moves).toBeGreaterThan(150);
});

it("keeps the session through moves of every kind", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const subject = course(seed, { links: false, deaths: false });
      expect(subject.world.endCode).toBeUndefined();
      expect(subject.here.channels.size).toBe(testChannels.length);
    }),
    { numRuns: 100 },
  );
});

it("keeps the session when links to targets fail now and then", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      course(seed, { links: true, deaths: false });
    }),
    { numRuns: 100 },
  );
});

it("never hangs, never leaks and never is at two servers when servers die", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      course(seed, { links: true, deaths: true });
    }),
    { numRuns: 150 },
  );
});

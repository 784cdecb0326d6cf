// Moves as they may come: clients that are slow, come late or die, moves called off at any point,
// every mode, with and without the link between the servers, three in a row. Whatever happens, each
// session is at one server in the end and shows what the guest shows, and every key arrived once.

import { Random } from "@caraway/vectors";
import { expect, it } from "vitest";
import { MoveWorld, type MovingClient } from "./move-world.ts";

const seeds = Array.from({ length: 30 }, (_, index) => index + 1);
const modes = ["seamless", "seamless", "semi-seamless", "switch-host"] as const;
const answerWithinMs = 4000;

class Course {
  readonly world: MoveWorld;
  readonly random: Random;
  readonly clients: MovingClient[] = [];
  typed = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.world = new MoveWorld({ hasAgent: this.oneIn(2) });
    this.clients.push(this.world.join());
    if (this.oneIn(2)) this.clients.push(this.world.join());
  }

  oneIn(count: number): boolean {
    return this.random.below(count) === 0;
  }

  /** Something happens at the clients, and time passes. */
  meanwhile(): void {
    for (const client of this.clients) {
      if (client.isDead) continue;
      if (this.oneIn(5)) client.isSlow = true;
      else if (this.oneIn(2)) client.isSlow = false;
      if (!this.oneIn(3)) continue;
      client.key(0x1e, true);
      client.key(0x1e, false);
      this.typed += 1;
    }
    if (this.oneIn(3)) this.world.advance(this.random.below(3000));
    this.world.settle();
  }

  /** A move that comes to nothing. */
  callOff(move: { mode: (typeof modes)[number]; peer: boolean }): void {
    const { world } = this;
    world.begin({ ...move, answerWithinMs });
    this.meanwhile();
    const isStopped = this.oneIn(2);
    if (isStopped) world.stop();
    this.meanwhile();
    world.source.command({ name: "migrate-cancel" });
    world.target.command({ name: "migrate-abandon" });
    if (isStopped) world.source.guest({ type: "running", running: true });
    this.meanwhile();
  }

  move(move: { mode: (typeof modes)[number]; peer: boolean }, mayDie: boolean): void {
    const { world, clients } = this;
    world.begin({ ...move, answerWithinMs });
    this.meanwhile();
    if (this.oneIn(4)) clients.push(world.join());
    this.meanwhile();
    world.stop();
    this.meanwhile();
    if (mayDie && this.oneIn(6)) clients[this.random.below(clients.length)]!.die();
    world.hand();
    this.meanwhile();
    world.switch();
    this.meanwhile();
    // Nobody is waited for longer than the longest hold.
    world.advance(16_000);
    expect(world.target.eventsOf("hold-ended")).toHaveLength(1);
    world.runWhenTold();
  }

  /** Nothing is in the way any more. */
  end(): void {
    const { world, clients } = this;
    for (const client of clients) client.isSlow = false;
    world.settle();
    world.paint("target");
    world.advance(70_000);
    expect(world.source.eventsOf("move-left")).toHaveLength(1);
    expect(world.target.eventsOf("move-settled")).toHaveLength(1);
    expect(world.source.server.snapshot(world.now)).toMatchObject({ clients: [], connections: 0 });
    world.turn();
    for (const client of clients) {
      if (client.isDead) continue;
      expect(client.events.map(({ name }) => name)).not.toContain("ended");
      expect(client.hosts, client.phases.join()).toEqual([world.at]);
      expect(client.shows(), client.phases.join()).toEqual(world.truth.colors());
    }
    expect(world.source.server.snapshot(world.now)).toMatchObject({ inputs: { keys: [] } });
  }

  get downs(): number {
    const keys = this.world.hosts.flatMap((host) => host.guestInputs("key"));
    return keys.filter(({ down }) => down).length;
  }
}

it.each(seeds)("whatever happens, sessions end whole at one server (seed %i)", (seed) => {
  const course = new Course(seed);
  for (let round = 0; round < 3; round++) {
    const move = { mode: modes[course.random.below(modes.length)]!, peer: !course.oneIn(4) };
    course.world.paint("source");
    course.meanwhile();
    while (course.oneIn(3)) course.callOff(move);
    course.move(move, true);
    course.end();
  }
});

it.each(seeds)("between our own ends no key is lost or doubled (seed %i)", (seed) => {
  const course = new Course(seed);
  for (let round = 0; round < 3; round++) {
    const move = { mode: "seamless", peer: true } as const;
    course.world.paint("source");
    course.meanwhile();
    while (course.oneIn(3)) course.callOff(move);
    course.move(move, false);
    course.end();
  }
  expect(course.downs).toBe(course.typed);
});

// The usual setting of these tests: a session that is open at a source, and a target beside it.

import { expect } from "vitest";
import { ScriptedServer, type ServerOptions } from "./scripted-server.ts";
import { World, type WorldOptions } from "./world.ts";

/** Channels that a test's client opens: those that a session needs, and two that it need not have. */
export const testChannels = [
  "main",
  "display",
  "inputs",
  "cursor",
  "usbredir",
  "playback",
] as const;

export interface Setting {
  readonly world: World;
  readonly source: ScriptedServer;
  readonly target: ScriptedServer;
}

export interface SettingOptions extends WorldOptions {
  readonly source?: Partial<ServerOptions>;
  readonly target?: Partial<ServerOptions>;
}

/** A session that is not open yet. */
export function prepare(options: SettingOptions = {}): Setting {
  const world = new World({
    ...options,
    session: { channels: testChannels, ...options.session },
  });
  const source = new ScriptedServer(world, { name: "source", port: 1, ...options.source });
  const target = new ScriptedServer(world, { name: "target", port: 2, ...options.target });
  return { world, source, target };
}

/** A session with all its channels. */
export function connected(options: SettingOptions = {}): Setting {
  const setting = prepare(options);
  const { world } = setting;
  world.command({ name: "open" });
  world.run();
  return setting;
}

/** A session that has told the source that it is ready. */
export function ready(mode: "seamless" | "semi-seamless", options: SettingOptions = {}): Setting {
  const setting = connected(options);
  const { world, source, target } = setting;
  source.announce(target, mode);
  world.run();
  expect(source.answer).toBe(mode === "seamless" ? "seamless" : "connected");
  return setting;
}

/** What must hold at the end of every course of things. */
export function expectNoBreach({ world, source, target }: Setting): void {
  expect([...source.violations, ...target.violations]).toEqual([]);
  expect(world.now).toBeGreaterThan(0);
}

/** The session lives at `where`, on every channel and with no other connection. */
export function expectAttached(setting: Setting, where: ScriptedServer): void {
  const { world } = setting;
  expect(world.endCode).toBeUndefined();
  expect(new Set(world.openConnections.map(({ port }) => port))).toEqual(
    new Set([where.options.port]),
  );
  expect(world.openConnections).toHaveLength(where.channels.size);
  expect(world.session.endpoint.port).toBe(where.options.port);
  expectNoBreach(setting);
}

/** The session is over and nothing of it is left. */
export function expectEnded(setting: Setting, code: string | null): void {
  const { world } = setting;
  expect(world.endCode).toBe(code);
  expect(world.openConnections).toEqual([]);
  expect(world.session.deadline()).toBeNull();
  expect(world.named("ended")).toHaveLength(1);
  expectNoBreach(setting);
}

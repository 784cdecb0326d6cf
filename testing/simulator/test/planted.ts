// Servers with something wrong, each by a thin layer around the real one: the kinds of fault that a
// simulator is for, since each shows in few of all orders of events.

import { type ServerInput, type ServerOutput, SpiceServer } from "@caraway/server";
import type { MakeServer } from "../src/index.ts";

interface Layer {
  /** What is said behind the outputs to an input. */
  readonly more?: (input: ServerInput) => readonly ServerOutput[];
  /** How often an input is handed in. */
  readonly times?: (input: ServerInput) => number;
  /** The input as the server gets it; null: it does not. */
  readonly input?: (input: ServerInput) => ServerInput | null;
  readonly output?: (output: ServerOutput) => ServerOutput | null;
  readonly deadline?: (deadline: number | null) => number | null;
}

function layered(makeLayer: () => Layer): MakeServer {
  return (options) => {
    const server = new SpiceServer(options);
    const layer = makeLayer();
    const more: ServerOutput[] = [];
    return {
      handle(input, now) {
        const passed = layer.input === undefined ? input : layer.input(input);
        if (passed === null) return;
        const times = layer.times?.(passed) ?? 1;
        for (let count = 0; count < times; count++) server.handle(passed, now);
        more.push(...(layer.more?.(passed) ?? []));
      },
      poll() {
        for (let output = server.poll(); output !== null; output = server.poll()) {
          const passed = layer.output === undefined ? output : layer.output(output);
          if (passed !== null) return passed;
        }
        return more.shift() ?? null;
      },
      deadline() {
        const deadline = server.deadline();
        return layer.deadline === undefined ? deadline : layer.deadline(deadline);
      },
      snapshot: (now) => server.snapshot(now),
    };
  };
}

/** Does not let go of what a client held when its connection broke. */
export const forgetsHeldKeys: MakeServer = layered(() => {
  let isLosing = false;
  return {
    input(input) {
      isLosing = input.type === "closed" && input.failure !== null;
      return input;
    },
    output: (output) => {
      const isRelease =
        output.type === "guest" && output.input.type === "key" && !output.input.down;
      return isLosing && isRelease ? null : output;
    },
  };
});

/** Loses what the guest draws while a client is behind. */
export const losesDrawingsOfTheSlow: MakeServer = layered(() => {
  const behind = new Set<number>();
  return {
    input(input) {
      if (input.type === "backlog") {
        if (input.bytes > 0) behind.add(input.connection);
        else behind.delete(input.connection);
      }
      const isDrawing = input.type === "guest" && input.output.type === "draw";
      return isDrawing && behind.size > 0 ? null : input;
    },
  };
});

/** Wants to be woken at once, for ever, when a link breaks half-way. */
export const keepsWakingUp: MakeServer = layered(() => {
  const linking = new Set<number>();
  let isStuck = false;
  return {
    input(input) {
      if (input.type === "accepted") linking.add(input.connection);
      if (input.type === "closed") isStuck ||= linking.delete(input.connection);
      return input;
    },
    output(output) {
      if (output.type === "event" && output.event.name === "channel-linked") linking.clear();
      return output;
    },
    deadline: (deadline) => (isStuck ? 0 : deadline),
  };
});

/** Lets the guest run as soon as it has it. */
export const neverHolds: MakeServer = layered(() => ({
  more(input) {
    const isOurs = input.type === "command" && input.command.name === "migrate-hold";
    return isOurs ? [{ type: "guest", input: { type: "run" } }] : [];
  },
}));

/** Type of the message in which a source passes on what clients say while the guest stands. */
const heldInput = 6;

/** Takes what the source has held for the guest twice. */
export const hearsHeldInputTwice: MakeServer = layered(() => ({
  times: (input) => (input.type === "peer" && input.bytes[0] === heldInput ? 2 : 1),
}));

/** Sends what its client asked for last twice in the move, and says nowhere what that was. */
export const remembersInSecret: MakeServer = layered(() => {
  let last = -1;
  return {
    input(input) {
      if (input.type === "received") last = input.connection;
      return input;
    },
    more(input) {
      const isLeft = input.type === "command" && input.command.name === "migrate-switch";
      return isLeft ? [{ type: "disconnect", connection: last }] : [];
    },
  };
});

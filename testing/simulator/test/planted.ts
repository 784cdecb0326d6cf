// Servers with something wrong, each by a thin layer around the real one: the kinds of fault that a
// simulator is for, since each shows in few of all orders of events.

import { type ServerInput, type ServerOutput, SpiceServer } from "@caraway/server";
import type { MakeServer } from "../src/index.ts";

interface Layer {
  /** The input as the server gets it; null: it does not. */
  readonly input?: (input: ServerInput) => ServerInput | null;
  readonly output?: (output: ServerOutput) => ServerOutput | null;
  readonly deadline?: (deadline: number | null) => number | null;
}

function layered(makeLayer: () => Layer): MakeServer {
  return (options) => {
    const server = new SpiceServer(options);
    const layer = makeLayer();
    return {
      handle(input, now) {
        const passed = layer.input === undefined ? input : layer.input(input);
        if (passed !== null) server.handle(passed, now);
      },
      poll() {
        for (let output = server.poll(); output !== null; output = server.poll()) {
          const passed = layer.output === undefined ? output : layer.output(output);
          if (passed !== null) return passed;
        }
        return null;
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

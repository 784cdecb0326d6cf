// What can befall a program, and what it does on the network then: plain data, which can be kept,
// compared and done once more.

import type { TransportFailure } from "@caraway/channel";
import { markOf } from "./fingerprint.ts";
import type { Side } from "./network.ts";

/** What befalls a program. */
export type Stimulus<P> =
  | { readonly kind: "call"; readonly line: number; readonly caller: string; readonly host: string }
  | { readonly kind: "connected"; readonly line: number; readonly side: Side }
  | {
      readonly kind: "received";
      readonly line: number;
      readonly side: Side;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "closed";
      readonly line: number;
      readonly side: Side;
      readonly failure: TransportFailure | null;
    }
  | { readonly kind: "task"; readonly index: number }
  | { readonly kind: "timeout" }
  | { readonly kind: "kill" }
  | { readonly kind: "act"; readonly label: string; readonly run: (process: P) => void };

/** What comes of it on the network, in order. */
export type Effect =
  | { readonly kind: "connect"; readonly line: number; readonly host: string }
  | {
      readonly kind: "send";
      readonly line: number;
      readonly side: Side;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "pause";
      readonly line: number;
      readonly side: Side;
      readonly isPaused: boolean;
    }
  | { readonly kind: "leave"; readonly line: number; readonly side: Side }
  | {
      readonly kind: "reset";
      readonly line: number;
      readonly side: Side;
      readonly detail: string;
    }
  | { readonly kind: "listen"; readonly host: string }
  | { readonly kind: "deafen"; readonly host: string }
  /** A task begins; it may be over by the end of the turn. */
  | { readonly kind: "task"; readonly label: string; readonly isLeft: boolean };

/** The same name for the same thing. */
export function stimulusKey(stimulus: Stimulus<never>): string {
  switch (stimulus.kind) {
    case "call":
      return `call ${stimulus.line} ${stimulus.host}`;
    case "connected":
      return `connected ${stimulus.line} ${stimulus.side}`;
    case "received":
      return `received ${stimulus.line} ${stimulus.side} ${markOf(stimulus.bytes)}`;
    case "closed":
      return `closed ${stimulus.line} ${stimulus.side} ${stimulus.failure?.detail ?? ""}`;
    case "task":
      return `task ${stimulus.index}`;
    case "act":
      return `act ${stimulus.label}`;
    default:
      return stimulus.kind;
  }
}

/**
 * A name for effects that come to the same: connections know nothing of each other, so the order of
 * what is done with different ones leaves no trace.
 */
export function effectsText(effects: readonly Effect[]): string {
  const texts = new Map<string, string>();
  for (const effect of effects) {
    const { place, text } = effectText(effect);
    texts.set(place, `${texts.get(place) ?? ""}${text};`);
  }
  return [...texts].sort(([a], [b]) => (a < b ? -1 : 1)).join("\n");
}

function effectText(effect: Effect): { readonly place: string; readonly text: string } {
  switch (effect.kind) {
    case "connect":
      return { place: "calls", text: `${effect.line} ${effect.host}` };
    case "listen":
    case "deafen":
      return { place: `at ${effect.host}`, text: effect.kind };
    case "task":
      return { place: "tasks", text: `${effect.label} ${effect.isLeft}` };
    case "send":
      return { place: `${effect.line} ${effect.side}`, text: `send ${markOf(effect.bytes)}` };
    case "pause":
      return { place: `${effect.line} ${effect.side}`, text: `pause ${effect.isPaused}` };
    default:
      return { place: `${effect.line} ${effect.side}`, text: effect.kind };
  }
}

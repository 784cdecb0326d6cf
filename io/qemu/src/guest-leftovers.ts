// What a VM that is moved leaves outside QEMU's own state: bytes on their way to its devices and
// from them, and keys that it has not taken. It travels beside the VM, as JSON.

import type { StreamName, StreamUse } from "@caraway/server";
import { CarawayError } from "@caraway/wire";
import type { QemuInput } from "./qemu-inputs.ts";
import type { StreamLeftovers } from "./qemu-stream.ts";

export interface GuestLeftovers {
  readonly leds: number;
  readonly inputs: readonly QemuInput[];
  /** That QEMU holds. */
  readonly buttons: number;
  readonly streams: readonly (StreamName & StreamLeftovers)[];
}

export const noLeftovers: GuestLeftovers = { leds: 0, inputs: [], buttons: 0, streams: [] };

/** What came with a VM is not what it should be. */
export class LeftoversError extends CarawayError {
  readonly code = "GUEST_LEFTOVERS";
}

const uses: ReadonlySet<unknown> = new Set<StreamUse>([
  ...(["agent", "usbredir", "smartcard", "port", "webdav"] as const),
]);
const fieldsOf: Readonly<Record<QemuInput["type"], readonly string[]>> = {
  key: ["code"],
  "mouse-motion": ["dx", "dy", "buttons"],
  "tablet-position": ["display", "x", "y", "buttons"],
  buttons: ["buttons"],
  wheel: ["steps", "buttons"],
};

export function writeLeftovers({ streams, ...rest }: GuestLeftovers): Uint8Array {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const encoded = streams.map(({ toGuest, fromGuest, ...stream }) => {
    return { ...stream, toGuest: text(toGuest), fromGuest: text(fromGuest) };
  });
  return new TextEncoder().encode(JSON.stringify({ ...rest, streams: encoded }));
}

/** @throws LeftoversError: it comes from a network. */
export function readLeftovers(bytes: Uint8Array): GuestLeftovers {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new LeftoversError("what came with the VM is no JSON");
  }
  const { leds, inputs, buttons, streams } = object(value);
  if (!Array.isArray(inputs) || !Array.isArray(streams)) throw wrong("a list is missing");
  return {
    leds: number(leds) & 7,
    buttons: number(buttons),
    inputs: inputs.map(readInput),
    streams: streams.map((one) => {
      const { use, id, isConnected, toGuest, fromGuest } = object(one);
      if (!uses.has(use)) throw wrong(`a stream ${String(use)}`);
      return {
        use: use as StreamUse,
        id: number(id),
        isConnected: isConnected === true,
        toGuest: decode(toGuest),
        fromGuest: decode(fromGuest),
      };
    }),
  };
}

function readInput(value: unknown): QemuInput {
  const input = object(value);
  const { type } = input;
  if (typeof type !== "string" || !Object.hasOwn(fieldsOf, type)) throw wrong("an input");
  const known = type as QemuInput["type"];
  const numbers = fieldsOf[known].map((field) => [field, number(input[field])] as const);
  const fields = Object.fromEntries(numbers);
  if (known !== "key") return { type: known, ...fields } as QemuInput;
  if (typeof input["down"] !== "boolean") throw wrong("a key");
  return { type: known, down: input["down"], ...fields } as QemuInput;
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw wrong("no object");
  return value as Readonly<Record<string, unknown>>;
}

function number(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw wrong("no number");
  return value as number;
}

function decode(value: unknown): Uint8Array {
  if (typeof value !== "string") throw wrong("no bytes");
  return new Uint8Array(Buffer.from(value, "base64"));
}

function wrong(what: string): LeftoversError {
  return new LeftoversError(`what came with the VM is damaged: ${what}`);
}

// Values of options as people write them.

import type { FileCardOptions, FileDriveOptions } from "@caraway/node";
import { type PivSlot, pivSlots } from "@caraway/smartcard";
import { InvalidArgumentError } from "commander";

/** An option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export function parseSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0))
    throw new InvalidArgumentError("write a number of seconds");
  return value;
}

export function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("write a whole number");
  return Number(text);
}

/** `file=stick.img`, `file=stick.img,readonly` or `cd=disc.iso`, in a list that grows. */
export function parseUsb(
  text: string,
  before: readonly FileDriveOptions[] = [],
): readonly FileDriveOptions[] {
  const match = /^(file|cd)=(.+?)(,readonly)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("write it as file=IMAGE[,readonly] or cd=ISO");
  const kind = match[1] === "cd" ? "cd" : "stick";
  return [...before, { kind, file: match[2]!, readOnly: match[3] !== undefined || kind === "cd" }];
}

/**
 * `cert=FILE,key=FILE[,slot=9a][,pin=123456][,puk=…]`; another `cert` begins another key of the
 * same card.
 */
export function parseSmartcard(text: string): FileCardOptions {
  const keys: { slot: PivSlot; certificate: string; key: string }[] = [];
  const secrets: { pin: string; puk?: string } = { pin: "123456" };
  const free = () => slotNames.find((slot) => keys.every((each) => each.slot !== slot)) ?? "9a";
  for (const part of text.split(",")) {
    const [, name, value] = /^(\w+)=(.+)$/.exec(part) ?? [];
    const last = keys.at(-1);
    if (name === "cert") keys.push({ slot: free(), certificate: value!, key: "" });
    else if (name === "key" && last !== undefined) last.key = value!;
    else if (name === "slot" && last !== undefined && isSlot(value!)) last.slot = value;
    else if (name === "pin" || name === "puk") secrets[name] = value!;
    else throw new InvalidArgumentError(smartcardHint);
  }
  if (keys.length === 0 || keys.some(({ key }) => key === "")) {
    throw new InvalidArgumentError(smartcardHint);
  }
  return { keys, ...secrets };
}

const slotNames = Object.keys(pivSlots) as PivSlot[];
const smartcardHint = "write it as cert=FILE,key=FILE[,slot=9a][,pin=123456]";

function isSlot(text: string): text is PivSlot {
  return (slotNames as string[]).includes(text);
}

export function parseSize(text: string): { width: number; height: number } {
  const match = /^(\d{2,5})x(\d{2,5})$/.exec(text);
  if (match === null) throw new InvalidArgumentError("write it as 1280x800");
  return { width: Number(match[1]), height: Number(match[2]) };
}

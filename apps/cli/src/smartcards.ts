// The smartcard that the guest has for as long as a session lasts: made of files, or whatever is in a
// reader of this machine.

import {
  type FileCardOptions,
  openFileCard,
  PcscReader,
  type SmartcardEvent,
  SmartcardReader,
  SmartcardReaders,
} from "@caraway/node";
import { type PivSlot, pivSlots } from "@caraway/smartcard";
import { InvalidArgumentError } from "commander";

export type SmartcardChoice =
  | ({ readonly what: "files" } & FileCardOptions)
  | { readonly what: "pcsc"; readonly name: string | null };

/**
 * `cert=FILE,key=FILE[,slot=9a][,pin=123456][,puk=…]`; another `cert` begins another key of the
 * same card. `pcsc` or `pcsc=NAME`: a reader of this machine.
 */
export function parseSmartcard(text: string): SmartcardChoice {
  if (text === "pcsc") return { what: "pcsc", name: null };
  if (text.startsWith("pcsc=")) return { what: "pcsc", name: text.slice("pcsc=".length) };
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
  return { what: "files", keys, ...secrets };
}

const slotNames = Object.keys(pivSlots) as PivSlot[];
const smartcardHint = "write it as cert=FILE,key=FILE[,slot=9a][,pin=123456] or pcsc[=READER]";

function isSlot(text: string): text is PivSlot {
  return (slotNames as string[]).includes(text);
}

export interface SmartcardsOfSession {
  readonly readers: SmartcardReaders;
  close(): Promise<void>;
}

/** Throws what opening the card, or the daemon of the readers, throws. */
export async function openSmartcards(
  choice: SmartcardChoice | undefined,
  tell: (data: object) => void,
): Promise<SmartcardsOfSession> {
  const onEvent = (event: SmartcardEvent) => tell(cardData(event));
  if (choice?.what === "pcsc") {
    const { name } = choice;
    const pcsc = await PcscReader.open({ ...(name !== null && { name }), onEvent });
    return { readers: new SmartcardReaders([pcsc.reader]), close: () => pcsc.close() };
  }
  const list =
    choice === undefined
      ? []
      : [new SmartcardReader("Caraway", await openFileCard(choice), onEvent)];
  const readers = new SmartcardReaders(list);
  return { readers, close: () => readers.close() };
}

function cardData(event: SmartcardEvent): object {
  if (!("error" in event)) return { event: "smartcard", ...event };
  return { event: "smartcard", type: event.type, message: (event.error as Error).message };
}

// Messages by name, for traces.

import type { Sender } from "@caraway/channel";
import {
  baseCodec,
  cursorCodec,
  displayCodec,
  inputsCodec,
  mainCodec,
  portCodec,
  usbredirCodec,
} from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import { eventText } from "./event-text.ts";

interface Codec {
  decode(id: number, body: Uint8Array): { readonly name: string; readonly body: unknown } | null;
}

const codecs: Readonly<Record<string, Readonly<Record<Sender, Codec>>>> = {
  main: mainCodec,
  display: displayCodec,
  cursor: cursorCodec,
  inputs: inputsCodec,
  port: portCodec,
  usbredir: usbredirCodec,
};

/** Fields of a message in a trace are cut from there on. */
const textMax = 160;

/** `purpose` is a channel's label, such as `inputs 0`. */
export function messageName(purpose: string, from: Sender, id: number, body: Uint8Array): string {
  const codec = id < 100 ? baseCodec[from] : codecs[purpose.split(" ")[0]!]?.[from];
  try {
    const message = codec?.decode(id, body) ?? null;
    if (message === null) return `message ${id}`;
    const fields = eventText({ name: "", ...(message.body as object) }).trim();
    return `${message.name} ${fields.length > textMax ? `${fields.slice(0, textMax)}…` : fields}`;
  } catch (error) {
    if (!(error instanceof CarawayError)) throw error;
    return `message ${id} (${error.message})`;
  }
}

// The names of what a clipboard holds, as both ends and embedders use them, and how text and lists
// of files are written.

import { ClipboardSelection, ClipboardType } from "@caraway/protocol";
import { decodeUtf8, encodeUtf8 } from "@caraway/wire";
import type { AgentContext } from "./agent-stream.ts";

export const clipboardSelections = ["CLIPBOARD", "PRIMARY", "SECONDARY"] as const;
/** `CLIPBOARD` is what Ctrl+C fills; the others are X11's. */
export type ClipboardSelectionName = (typeof clipboardSelections)[number];

export const clipboardFormats = [
  "UTF8_TEXT",
  "IMAGE_PNG",
  "IMAGE_BMP",
  "IMAGE_TIFF",
  "IMAGE_JPG",
  "FILE_LIST",
] as const;
export type ClipboardFormat = (typeof clipboardFormats)[number];

export function selectionName(selection: number): ClipboardSelectionName | null {
  return clipboardSelections.find((name) => ClipboardSelection[name] === selection) ?? null;
}

/** Null: none, or one that is not known here. */
export function formatName(type: number): ClipboardFormat | null {
  return clipboardFormats.find((name) => ClipboardType[name] === type) ?? null;
}

/** Names without doubles, in the order of the sender's preference. */
export function formatNames(types: readonly number[]): ClipboardFormat[] {
  const names = types.map(formatName).filter((name) => name !== null);
  return [...new Set(names)];
}

const lf = 10;
const cr = 13;

/** Text for an end with this line ending. Windows ends text with a NUL, which nobody wants. */
export function textFor(text: Uint8Array, lines: "lf" | "crlf"): Uint8Array {
  let end = text.length;
  while (end > 0 && text[end - 1] === 0) end--;
  const out = new Uint8Array(lines === "crlf" ? 2 * end : end);
  let size = 0;
  for (let at = 0; at < end; at++) {
    const byte = text[at]!;
    if (byte === cr && text[at + 1] === lf && lines === "lf") continue;
    if (byte === lf && text[at - 1] !== cr && lines === "crlf") out[size++] = cr;
    out[size++] = byte;
  }
  return out.subarray(0, size);
}

/** The line ending that a guest with these capabilities wants; null: text stays as it is. */
export function lineEnding(context: AgentContext): "lf" | "crlf" | null {
  if (context.has("GUEST_LINEEND_CRLF")) return "crlf";
  return context.has("GUEST_LINEEND_LF") ? "lf" : null;
}

/** A FILE_LIST: paths inside the folder that client and guest share by WebDAV. */
export interface ClipboardFileList {
  readonly action: "copy" | "cut";
  readonly paths: readonly string[];
}

export function encodeFileList({ action, paths }: ClipboardFileList): Uint8Array {
  return encodeUtf8([action, ...paths].map((part) => `${part}\0`).join(""));
}

/** Null when the content is no list of files. */
export function decodeFileList(data: Uint8Array): ClipboardFileList | null {
  const [action, ...paths] = decodeUtf8(data).split("\0");
  if (action !== "copy" && action !== "cut") return null;
  return { action, paths: paths.filter((path) => path !== "") };
}

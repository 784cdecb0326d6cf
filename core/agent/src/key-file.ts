// The key file in FILE_XFER_START: a group of `name=value` lines in GLib's manner, whose values
// escape what would end a line or lose its leading blanks.

import { AgentProtocolError } from "./agent-stream.ts";

export interface FileStart {
  /** Without folders. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

const group = "[vdagent-file-xfer]";
const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};
const unescapes: Readonly<Record<string, string>> = {
  s: " ",
  n: "\n",
  r: "\r",
  t: "\t",
  "\\": "\\",
};

export function encodeFileStart({ name, size }: FileStart): string {
  const escaped = name
    .replace(/[\\\n\r\t]/g, (character) => escapes[character]!)
    .replace(/^ +/, (blanks) => "\\s".repeat(blanks.length));
  return `${group}\nname=${escaped}\nsize=${size}\n`;
}

/** @throws AgentProtocolError when name or size are missing or make no sense. */
export function decodeFileStart(text: string): FileStart {
  let inside = false;
  const values = new Map<string, string>();
  for (const line of text.replace(/\0.*$/s, "").split("\n")) {
    const trimmed = line.trim();
    if (trimmed.startsWith("[")) inside = trimmed === group;
    const at = line.indexOf("=");
    if (!inside || at < 0 || trimmed.startsWith("#")) continue;
    values.set(line.slice(0, at).trim(), line.slice(at + 1).replace(/^[ \t]+|\r$/g, ""));
  }
  const name = values.get("name")?.replace(/\\(.)/g, (_, letter: string) => {
    return unescapes[letter] ?? letter;
  });
  const size = values.get("size") ?? "";
  if (name === undefined || name === "" || !/^\d{1,15}$/.test(size)) {
    throw new AgentProtocolError("a file transfer without name or size");
  }
  return { name, size: Number(size) };
}

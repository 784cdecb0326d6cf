// Paths in URLs, and what they may name: everything that could lead out of the shared folder is
// refused here, before anybody asks a file system.

import { decodeUtf8, encodeUtf8 } from "@caraway/wire";
import type { FolderPath } from "./folder-work.ts";
import { HttpFault } from "./http-fault.ts";

const depthMax = 64;
const nameMax = 255;
/** Names of files that are being written; see the folder's owners. */
export const hiddenPrefix = ".caraway-part-";

/** The path that a request's target or a Destination names. A slash at the end means nothing. */
export function pathOfTarget(target: string): FolderPath {
  const url = /^(?:https?:\/\/[^/?#]*)?(\/[^?#]*)$/i.exec(target);
  if (url === null) throw new HttpFault(400, "the target is no path");
  const names = url[1]!.split("/").filter((part) => part !== "");
  if (names.length > depthMax) throw new HttpFault(414, "the path is too deep");
  return names.map((name) => nameOf(name));
}

/** Authority of an absolute URL in lower case; null for a path. */
export function authorityOf(target: string): string | null {
  return /^https?:\/\/([^/?#]*)/i.exec(target)?.[1]?.toLowerCase() ?? null;
}

function nameOf(part: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < part.length; at++) {
    if (part[at] !== "%") {
      bytes.push(part.charCodeAt(at));
      continue;
    }
    const hex = part.slice(at + 1, at + 3);
    if (!/^[0-9a-fA-F]{2}$/.test(hex)) throw new HttpFault(400, "a percent sign stands alone");
    bytes.push(Number.parseInt(hex, 16));
    at += 2;
  }
  const name = decodeUtf8(Uint8Array.from(bytes));
  if (name.includes("\ufffd")) throw new HttpFault(400, "a name is not UTF-8");
  if (bytes.length > nameMax) throw new HttpFault(414, "a name is too long");
  if (!isShareable(name)) throw new HttpFault(403, "the path leads out of the folder");
  return name;
}

/** Whether a name may be spoken of: it can stand in a URL and means nothing else to any system. */
export function isShareable(name: string): boolean {
  if (name === "" || name === "." || name === "..") return false;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code < 0x20 || code === 0x7f || code === 0x2f || code === 0x5c) return false;
    if (code === 0xfffd) return false;
  }
  return !name.startsWith(hiddenPrefix);
}

const plain = /[A-Za-z0-9\-._~!$&'()*+,;=:@]/;

/** The path as it stands in answers. */
export function hrefOf(path: FolderPath, isFolder: boolean): string {
  const text = path.map((name) => `/${quoted(name)}`).join("");
  return isFolder ? `${text}/` : text;
}

function quoted(name: string): string {
  let text = "";
  for (const byte of encodeUtf8(name)) {
    const char = String.fromCharCode(byte);
    text += plain.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

export function samePath(a: FolderPath, b: FolderPath): boolean {
  return a.length === b.length && isWithin(a, b);
}

/** Whether `path` is `folder` or lies below it. */
export function isWithin(path: FolderPath, folder: FolderPath): boolean {
  return folder.length <= path.length && folder.every((name, index) => path[index] === name);
}

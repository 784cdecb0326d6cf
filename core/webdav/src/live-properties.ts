// What a file or folder says of itself: the properties of RFC 4918, section 15, and the tag and
// times that conditions compare.

import type { Instant } from "@caraway/channel";
import { element, type Share } from "./exchange.ts";
import { hrefOf } from "./folder-url.ts";
import type { FolderEntry, FolderPath } from "./folder-work.ts";
import { httpDate, isoDate } from "./http-date.ts";
import type { Lock } from "./lock-table.ts";
import { escapeXml } from "./xml-reader.ts";

/** What a PROPFIND asks for. */
export type PropertyWish =
  | { readonly kind: "all" | "names" }
  | { readonly kind: "some"; readonly names: readonly PropertyName[] };

export interface PropertyName {
  readonly namespace: string;
  readonly name: string;
}

export const liveNames = [
  "creationdate",
  "displayname",
  "getcontentlength",
  "getetag",
  "getlastmodified",
  "lockdiscovery",
  "resourcetype",
  "supportedlock",
] as const;
type LiveName = (typeof liveNames)[number];

export function etagOf({ size, modifiedMs }: FolderEntry): string {
  return `"${Math.floor(modifiedMs).toString(16)}-${size.toString(16)}"`;
}

/** One `response` of a multistatus. */
export function describeEntry(
  share: Share,
  path: FolderPath,
  entry: FolderEntry,
  wish: PropertyWish,
  now: Instant,
): string {
  const found: string[] = [];
  const missing: string[] = [];
  const dead = share.properties.of(path);
  const live = liveNames.filter((name) => isOf(name, entry));
  switch (wish.kind) {
    case "names":
      found.push(...live.map((name) => `<D:${name}/>`));
      found.push(...dead.map(emptyElement));
      break;
    case "all":
      found.push(...live.map((name) => liveProperty(share, path, entry, name, now)));
      found.push(...dead.map(({ source }) => source));
      break;
    case "some":
      for (const wanted of wish.names) {
        const known = wanted.namespace === "DAV:" && live.find((name) => name === wanted.name);
        const other = dead.find((property) => isNamed(property, wanted));
        if (known) found.push(liveProperty(share, path, entry, known, now));
        else if (other !== undefined) found.push(other.source);
        else missing.push(emptyElement(wanted));
      }
  }
  const parts = [`<D:response>${element("href", hrefOf(path, entry.kind === "folder"))}`];
  if (found.length > 0 || missing.length === 0) parts.push(propertyStatus(found, "200 OK"));
  if (missing.length > 0) parts.push(propertyStatus(missing, "404 Not Found"));
  parts.push("</D:response>");
  return parts.join("");
}

export function propertyStatus(properties: readonly string[], status: string): string {
  return (
    `<D:propstat><D:prop>${properties.join("")}</D:prop>` +
    `${element("status", `HTTP/1.1 ${status}`)}</D:propstat>`
  );
}

export function emptyElement({ namespace, name }: PropertyName): string {
  if (namespace === "DAV:") return `<D:${name}/>`;
  if (namespace === "") return `<${name} xmlns=""/>`;
  return `<n:${name} xmlns:n="${escapeXml(namespace)}"/>`;
}

export function isNamed(property: PropertyName, wanted: PropertyName): boolean {
  return property.namespace === wanted.namespace && property.name === wanted.name;
}

function isOf(name: LiveName, { kind }: FolderEntry): boolean {
  return kind === "file" || (name !== "getcontentlength" && name !== "getetag");
}

function liveProperty(
  { locks }: Share,
  path: FolderPath,
  entry: FolderEntry,
  name: LiveName,
  now: Instant,
): string {
  switch (name) {
    case "creationdate":
      return element(name, isoDate(entry.modifiedMs));
    case "displayname":
      return element(name, path.at(-1) ?? "/");
    case "getcontentlength":
      return element(name, String(entry.size));
    case "getetag":
      return element(name, etagOf(entry));
    case "getlastmodified":
      return element(name, httpDate(entry.modifiedMs));
    case "lockdiscovery":
      return lockDiscovery(locks.on(path, now), now);
    case "resourcetype":
      return entry.kind === "folder"
        ? "<D:resourcetype><D:collection/></D:resourcetype>"
        : "<D:resourcetype/>";
    case "supportedlock": {
      const scopes = ["exclusive", "shared"].map((scope) => {
        return `<D:lockentry><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`;
      });
      return `<D:supportedlock>${scopes.join("")}</D:supportedlock>`;
    }
  }
}

export function lockDiscovery(locks: readonly Lock[], now: Instant): string {
  const active = locks.map((lock) => {
    const seconds = Math.max(0, Math.ceil((lock.until - now) / 1000));
    return [
      "<D:activelock><D:locktype><D:write/></D:locktype>",
      `<D:lockscope><D:${lock.isShared ? "shared" : "exclusive"}/></D:lockscope>`,
      element("depth", lock.isDeep ? "infinity" : "0"),
      `<D:owner>${lock.owner}</D:owner>`,
      element("timeout", `Second-${seconds}`),
      `<D:locktoken>${element("href", lock.token)}</D:locktoken>`,
      `<D:lockroot>${element("href", hrefOf(lock.root, false) || "/")}</D:lockroot>`,
      "</D:activelock>",
    ].join("");
  });
  return `<D:lockdiscovery>${active.join("")}</D:lockdiscovery>`;
}

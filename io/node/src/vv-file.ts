// `.vv` files of virt-viewer, as oVirt, Proxmox and others hand them out: where to connect, with
// which short-lived password, and how the viewer looks.

import { readFile, unlink } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import type { ChannelName } from "@caraway/client";
import { CarawayError } from "@caraway/wire";
import {
  type ConnectionOptions,
  endpointOf,
  isChannelName,
  parsePort,
} from "./connection-options.ts";
import { KeyFileError, parseKeyFile, splitList, unescapeValue } from "./key-file.ts";
import { type HttpProxy, ProxyUrlError, parseProxyUrl } from "./transport-proxy.ts";

export type VvFileFault =
  /** The file cannot be read or deleted. */
  | "FILE"
  /** It is no key file, or has no group `[virt-viewer]`. */
  | "SYNTAX"
  /** It asks for a newer viewer. */
  | "VERSION"
  /** It is for another protocol. */
  | "TYPE"
  /** A key's value makes no sense, or something is missing. */
  | "VALUE";

/** A `.vv` file that cannot be used. The message never holds a value that may be secret. */
export class VvFileError extends CarawayError {
  readonly code: `VV_${VvFileFault}`;
  /** The key that is wrong, or null. */
  readonly key: string | null;

  constructor(fault: VvFileFault, key: string | null, detail: string) {
    super(key === null ? detail : `${key}: ${detail}`);
    this.code = `VV_${fault}`;
    this.key = key;
  }
}

export interface VvFile {
  readonly options: ConnectionOptions;
  /** The file asks to be deleted once it has been read. */
  readonly deleteThisFile: boolean;
  /** How oVirt's own API is reached, where the file says so. */
  readonly ovirt: OvirtAccess | null;
  /** Keys that mean nothing to us, without vendors' own `x-` keys. */
  readonly unknownKeys: readonly string[];
}

export interface OvirtAccess {
  readonly host: string | null;
  readonly vmGuid: string | null;
  readonly jsessionid: string | null;
  readonly ssoToken: string | null;
  readonly ca: string | null;
  readonly admin: boolean;
}

/** The remote-viewer whose files we understand in full. */
const REMOTE_VIEWER_VERSION = "11.0";
/** Our name in `versions`, where others put their operating system. */
const VIEWER_ID = "caraway";
const VIEWER_VERSION = "0.1.0";

const hotkeyNames = [
  "toggle-fullscreen",
  "release-cursor",
  "zoom-in",
  "zoom-out",
  "zoom-reset",
  "smartcard-insert",
  "smartcard-remove",
  "secure-attention",
  "usb-device-reset",
] as const;

/** Longer files are none that anybody wrote for a viewer. */
const MAX_FILE_BYTES = 1 << 20;

/**
 * Reads a file, or standard input for `-`, and deletes it if it asks for that. Rejects with
 * `VvFileError`.
 */
export async function readVvFile(
  path: string,
  input: NodeJS.ReadableStream = process.stdin,
): Promise<VvFile> {
  let content: string;
  try {
    content = path === "-" ? await readAll(input) : await readFile(path, "utf8");
  } catch (error) {
    throw new VvFileError("FILE", null, `${path} cannot be read: ${codeOf(error)}`);
  }
  const file = parseVvFile(content);
  if (file.deleteThisFile && path !== "-") {
    try {
      await unlink(path);
    } catch (error) {
      const detail = `${path} asks to be deleted and cannot be (${codeOf(error)}); delete it, it holds a password`;
      throw new VvFileError("FILE", null, detail);
    }
  }
  return file;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}

/** Reads the text of a file. Throws `VvFileError`. */
export function parseVvFile(text: string): VvFile {
  if (text.length > MAX_FILE_BYTES) throw new VvFileError("SYNTAX", null, "the file is too large");
  const groups = readGroups(text);
  const main = groups.get("virt-viewer");
  if (main === undefined) {
    throw new VvFileError("SYNTAX", null, "the file has no group [virt-viewer]; is it a .vv file?");
  }
  const keys = new Keys(main);
  checkVersions(keys);
  checkType(keys);
  const options: ConnectionOptions = {
    endpoint: readEndpoint(keys),
    username: keys.text("username"),
    password: keys.text("password"),
    ca: keys.text("ca"),
    tlsCiphers: keys.text("tls-ciphers"),
    proxy: readProxy(keys),
    secureChannels: readSecureChannels(keys),
    disabledChannels: keys.channels("disable-channels"),
    viewer: {
      title: keys.text("title"),
      fullscreen: keys.flag("fullscreen"),
      hotkeys: readHotkeys(keys),
      colorDepth: keys.number("color-depth"),
      disabledEffects: keys.list("disable-effects"),
      enableSmartcard: keys.flag("enable-smartcard"),
      enableUsbredir: keys.flag("enable-usbredir"),
      usbAutoShare: keys.flag("enable-usb-autoshare"),
      usbFilter: keys.text("usb-filter"),
    },
  };
  const ovirtGroup = groups.get("ovirt");
  const ovirt = ovirtGroup === undefined ? null : new Keys(ovirtGroup);
  return {
    options,
    deleteThisFile: keys.flag("delete-this-file") ?? false,
    ovirt:
      ovirt === null
        ? null
        : {
            host: ovirt.text("host"),
            vmGuid: ovirt.text("vm-guid"),
            jsessionid: ovirt.text("jsessionid"),
            ssoToken: ovirt.text("sso-token"),
            ca: ovirt.text("ca"),
            admin: ovirt.flag("admin") ?? false,
          },
    unknownKeys: [...keys.unread(), ...(ovirt?.unread() ?? [])],
  };
}

function readGroups(text: string): ReturnType<typeof parseKeyFile> {
  try {
    return parseKeyFile(text);
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error;
    throw new VvFileError("SYNTAX", null, `the file is not a .vv file: ${error.message}`);
  }
}

/** The keys of one group; remembers which ones were asked for. */
class Keys {
  readonly #values: ReadonlyMap<string, string>;
  readonly #read = new Set<string>();

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  raw(key: string): string | null {
    this.#read.add(key);
    return this.#values.get(key) ?? null;
  }

  /** Null where the key is absent or empty. */
  text(key: string): string | null {
    const raw = this.raw(key);
    if (raw === null || raw === "") return null;
    const text = unescapeValue(raw);
    if (text === null) {
      throw new VvFileError("VALUE", key, "unknown escape; a backslash is written as \\\\");
    }
    return text;
  }

  /** Semicolons separate by the format, commas by habit. */
  list(key: string): string[] {
    return splitList(this.raw(key) ?? "").flatMap((item) => item.split(/\s*,\s*/).filter(Boolean));
  }

  channels(key: string): ChannelName[] {
    return this.list(key).flatMap((name) => {
      // Old management software wrote `smain` for main over TLS, and knew a channel that is gone.
      const bare = name.replace(/^s(?=main|display|inputs|cursor|playback|record|usbredir)/, "");
      if (isChannelName(bare)) return [bare];
      if (bare === "tunnel" || bare === "stunnel") return [];
      throw new VvFileError("VALUE", key, "names a channel that does not exist");
    });
  }

  flag(key: string): boolean | null {
    const text = this.raw(key)?.trim().toLowerCase() ?? "";
    if (text === "") return null;
    if (text === "true") return true;
    if (text === "false") return false;
    if (!/^-?\d+$/.test(text)) throw new VvFileError("VALUE", key, "neither 1 nor 0");
    return Number(text) > 0;
  }

  number(key: string): number | null {
    const text = this.raw(key)?.trim() ?? "";
    if (text === "") return null;
    if (!/^-?\d{1,9}$/.test(text)) throw new VvFileError("VALUE", key, "not a number");
    return Number(text);
  }

  /** A port; null where it is absent or switched off by 0 or -1. */
  port(key: string): number | null {
    const number = this.number(key);
    if (number === null || number === 0 || number === -1) return null;
    const port = parsePort(String(number));
    if (port === null) throw new VvFileError("VALUE", key, "not a number from 1 to 65535");
    return port;
  }

  /** Keys that nobody asked for, without vendors' own and without translations of others. */
  unread(): string[] {
    return [...this.#values.keys()].filter(
      (key) => !this.#read.has(key.replace(/\[.*\]$/, "")) && !/^x-/i.test(key),
    );
  }
}

function checkVersions(keys: Keys): void {
  const where = keys.text("newer-version-url");
  const advice = where === null ? "" : `; see ${where}`;
  const wanted = keys.text("version");
  if (wanted !== null && compareVersions(wanted, REMOTE_VIEWER_VERSION) > 0) {
    const detail = `the file is for remote-viewer ${wanted} or newer${advice}`;
    throw new VvFileError("VERSION", "version", detail);
  }
  for (const pair of keys.list("versions")) {
    const [id, version] = pair.split(":");
    if (id === undefined || version === undefined || version === "") {
      throw new VvFileError("VALUE", "versions", "not a list of name:version");
    }
    if (id === VIEWER_ID && compareVersions(version, VIEWER_VERSION) > 0) {
      throw new VvFileError(
        "VERSION",
        "versions",
        `the file is for ${id} ${version} or newer${advice}`,
      );
    }
  }
}

/** Compares `2.0-160` and the like number by number. */
function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map((version) => version.split(/[.-]/).map(Number));
  for (let at = 0; at < Math.max(left!.length, right!.length); at++) {
    const difference = (left![at] ?? 0) - (right![at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function checkType(keys: Keys): void {
  const type = keys.text("type") ?? "spice";
  if (type === "spice") return;
  const name = /^[\w-]{1,20}$/.test(type) ? type : "another protocol";
  throw new VvFileError("TYPE", "type", `the file is for ${name}; only spice is supported`);
}

function readEndpoint(keys: Keys): ConnectionOptions["endpoint"] {
  const unixPath = keys.text("unix-path");
  const host = keys.text("host")?.replace(/^\[|\]$/g, "") ?? "";
  const port = keys.port("port");
  const tlsPort = keys.port("tls-port");
  const subject = keys.text("host-subject");
  const identity = subject === null ? null : ({ kind: "subject", subject } as const);
  if (unixPath !== null) return endpointOf({ unixPath });
  if (host === "") throw new VvFileError("VALUE", "host", "missing; the file names no server");
  if (port === null && tlsPort === null) {
    throw new VvFileError("VALUE", "port", "missing, and so is tls-port");
  }
  return endpointOf({ host, port, tlsPort, identity });
}

function readProxy(keys: Keys): HttpProxy | null {
  const url = keys.text("proxy");
  if (url === null) return null;
  try {
    return parseProxyUrl(url);
  } catch (error) {
    if (!(error instanceof ProxyUrlError)) throw error;
    throw new VvFileError("VALUE", "proxy", error.message);
  }
}

function readSecureChannels(keys: Keys): readonly ChannelName[] | "all" {
  if (keys.list("secure-channels").includes("all")) return "all";
  return keys.channels("secure-channels");
}

function readHotkeys(keys: Keys): Readonly<Record<string, string>> {
  const hotkeys: Record<string, string> = {};
  for (const name of hotkeyNames) {
    const combination = keys.text(name);
    if (combination !== null) hotkeys[name] = combination;
  }
  return hotkeys;
}

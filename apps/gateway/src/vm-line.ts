// How a server is written down in token files, in the manner of websockify and beyond it:
// `host:port`, `unix_socket:/path`, or an address such as `spice+tls://host:port`, followed by
// settings such as `user=ann once password-file=/run/vm1`.

import { readFileSync } from "node:fs";
import { endpointOf, parsePort, parseSpiceUri, SpiceUriError } from "@caraway/node";
import { type TokenAnswer, TokenSourceError } from "./token-source.ts";

const settingNames = [
  "vm",
  "user",
  "expires",
  "once",
  "password",
  "password-file",
  "username",
  "host-subject",
] as const;
type SettingName = (typeof settingNames)[number];
type Settings = Readonly<Partial<Record<SettingName, string>>>;

/** `name` stands for the VM where the line does not name it. Throws TokenSourceError. */
export function parseVmLine(text: string, name: string): TokenAnswer {
  const [target = "", ...words] = splitWords(text);
  const settings = readSettings(words);
  const { server, username, password } = parseTarget(target);
  const subject = settings["host-subject"];
  return {
    server: subject === undefined ? server : { ...server, identity: { kind: "subject", subject } },
    vm: settings.vm ?? name,
    user: settings.user ?? "",
    username: settings.username ?? username,
    password: passwordOf(settings) ?? password,
    expiresAt: settings.expires === undefined ? null : parseTime(settings.expires),
    once: settings.once !== undefined,
  };
}

/** Words are separated by blanks; double quotes hold blanks together. */
function splitWords(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', ""));
}

function readSettings(words: readonly string[]): Settings {
  const settings: Partial<Record<SettingName, string>> = {};
  for (const word of words) {
    const at = word.indexOf("=");
    const name = at < 0 ? word : word.slice(0, at);
    if (!isSettingName(name)) {
      throw new TokenSourceError(`unknown setting ${name}; known are ${settingNames.join(", ")}`);
    }
    if (at < 0 && name !== "once") throw new TokenSourceError(`${name} needs a value: ${name}=…`);
    settings[name] = word.slice(at + 1);
  }
  return settings;
}

function isSettingName(name: string): name is SettingName {
  return (settingNames as readonly string[]).includes(name);
}

function parseTarget(target: string) {
  if (target.includes("://")) {
    try {
      const { endpoint, username, password } = parseSpiceUri(target);
      return { server: endpoint, username, password };
    } catch (error) {
      if (!(error instanceof SpiceUriError)) throw error;
      throw new TokenSourceError(error.message);
    }
  }
  const socket = /^unix_socket:(.+)$/.exec(target);
  const server = socket === null ? parseHostPort(target) : endpointOf({ unixPath: socket[1]! });
  return { server, username: null, password: null };
}

/** `host:port`, an IPv6 address in brackets. */
export function parseHostPort(text: string) {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d+)$/.exec(text);
  const port = match === null ? null : parsePort(match[3]!);
  if (match === null || port === null) {
    throw new TokenSourceError("a server is written as host:port, or as spice://host:port");
  }
  return endpointOf({ host: match[1] ?? match[2]!, port });
}

function passwordOf(settings: Settings): string | null {
  const { password } = settings;
  const file = settings["password-file"];
  if (password !== undefined) return password;
  if (file === undefined) return null;
  try {
    return readFileSync(file, "utf8").split(/\r?\n/)[0]!;
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "it cannot be read";
    throw new TokenSourceError(`password-file ${file}: ${reason}`);
  }
}

/** Seconds since 1970, or a date as in `2026-12-01T08:00:00Z`. */
function parseTime(text: string): number {
  const time = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(time)) {
    throw new TokenSourceError(
      "expires is written as 2026-12-01T08:00:00Z or in seconds since 1970",
    );
  }
  return time;
}

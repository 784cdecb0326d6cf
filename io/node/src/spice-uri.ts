// Addresses as people write them: `spice://host:port`, `spice+tls://host:port`,
// `spice+unix:///path`, and the WebSocket URLs `ws://` and `wss://`. The keys are those of
// spice-gtk: `port`, `tls-port`, `password`, separated by `&` or `;`.

import type { Endpoint } from "@caraway/client";
import { CarawayError } from "@caraway/wire";
import {
  type ConnectionOptions,
  defaultConnectionOptions,
  endpointOf,
  parsePort,
} from "./connection-options.ts";
import { hostAndPort } from "./transport-socket.ts";

/** An address that cannot be used. The message says what to write; it never holds the password. */
export class SpiceUriError extends CarawayError {
  readonly code = "SPICE_URI";
}

export function parseSpiceUri(uri: string): ConnectionOptions {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(uri.trim());
  if (match === null) {
    throw new SpiceUriError("the address has no scheme; write spice://host:port");
  }
  const scheme = match[1]!.toLowerCase();
  const rest = match[2]!;
  switch (scheme) {
    case "spice":
      return parseHost(rest, false);
    case "spice+tls":
      return parseHost(rest, true);
    case "spice+unix":
      return parseUnix(rest);
    case "ws":
    case "wss":
      return parseWebSocket(`${scheme}://${rest}`);
    default:
      throw new SpiceUriError(
        `${scheme}:// is not supported; use spice://, spice+tls://, spice+unix://, ws:// or wss://`,
      );
  }
}

/** The address for people and logs: without password, and without a WebSocket URL's query. */
export function formatSpiceUri({ endpoint, username }: ConnectionOptions): string {
  const { host, port, tlsPort, unixPath, url } = endpoint;
  if (url !== null) {
    const bare = new URL(url);
    return `${bare.protocol}//${bare.host}${bare.pathname}`;
  }
  if (unixPath !== null) {
    return `spice+unix://${unixPath.split("/").map(encodeURIComponent).join("/")}`;
  }
  const user = username === null ? "" : `${encodeURIComponent(username)}@`;
  if (port === null) return `spice+tls://${user}${hostAndPort(host, tlsPort ?? 0)}`;
  const query = tlsPort === null ? "" : `?tls-port=${tlsPort}`;
  return `spice://${user}${hostAndPort(host, port)}${query}`;
}

interface UserInfo {
  readonly username: string | null;
  readonly password: string | null;
}

function parseHost(text: string, isTls: boolean): ConnectionOptions {
  const [beforeQuery, query] = splitAt(text, text.search(/[?]/));
  const [authorityAndUser] = splitAt(beforeQuery, beforeQuery.indexOf("/"));
  const at = authorityAndUser.lastIndexOf("@");
  const user = parseUser(at < 0 ? null : authorityAndUser.slice(0, at));
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]*))(?::([^:]*))?$/.exec(authorityAndUser.slice(at + 1));
  if (match === null) {
    throw new SpiceUriError("the host is malformed; IPv6 addresses stand in brackets");
  }
  const host = decode(match[1] ?? match[2] ?? "", "host");
  if (host === "") throw new SpiceUriError("the address has no host; write spice://host:port");
  const keys = parseQuery(query);
  const portInHost = match[3] === undefined ? null : needPort(match[3], "port");
  if (isTls) {
    if (keys.port !== null || keys.tlsPort !== null) {
      throw new SpiceUriError(
        "spice+tls:// takes its one port behind the host: spice+tls://host:port",
      );
    }
    if (portInHost === null) {
      throw new SpiceUriError("the address has no port; write spice+tls://host:port");
    }
    const endpoint = endpointOf({ host, tlsPort: portInHost });
    return combine(endpoint, user, keys.password);
  }
  if (portInHost !== null && keys.port !== null) throw new SpiceUriError("the port is given twice");
  const port = portInHost ?? keys.port;
  if (port === null && keys.tlsPort === null) {
    throw new SpiceUriError("the address has no port; write spice://host:port or ?tls-port=");
  }
  return combine(endpointOf({ host, port, tlsPort: keys.tlsPort }), user, keys.password);
}

function parseUnix(text: string): ConnectionOptions {
  const [path, query] = splitAt(text, text.indexOf("?"));
  const unixPath = decode(path, "path");
  if (unixPath === "") {
    throw new SpiceUriError("the address has no path; write spice+unix:///path/to/socket");
  }
  const keys = parseQuery(query);
  if (keys.port !== null || keys.tlsPort !== null) {
    throw new SpiceUriError("spice+unix:// has no port");
  }
  return combine(endpointOf({ unixPath }), { username: null, password: null }, keys.password);
}

function parseWebSocket(text: string): ConnectionOptions {
  if (!URL.canParse(text)) {
    throw new SpiceUriError("the WebSocket address is malformed; write wss://host:port/path");
  }
  const url = new URL(text);
  const user = {
    username: url.username === "" ? null : decode(url.username, "user"),
    password: url.password === "" ? null : decode(url.password, "password"),
  };
  // User and password are for SPICE; they do not travel in the clear of an HTTP request.
  url.username = "";
  url.password = "";
  url.hash = "";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return combine(endpointOf({ host, url: url.href }), user, null);
}

function combine(
  endpoint: Endpoint,
  user: UserInfo,
  passwordKey: string | null,
): ConnectionOptions {
  if (user.password !== null && passwordKey !== null) {
    throw new SpiceUriError("the password is given twice");
  }
  const password = passwordKey ?? user.password;
  return { ...defaultConnectionOptions, endpoint, username: user.username, password };
}

function parseUser(text: string | null): UserInfo {
  if (text === null || text === "") return { username: null, password: null };
  const colon = text.indexOf(":");
  if (colon < 0) return { username: decode(text, "user"), password: null };
  const username = decode(text.slice(0, colon), "user");
  return {
    username: username === "" ? null : username,
    password: decode(text.slice(colon + 1), "password"),
  };
}

interface Keys {
  port: number | null;
  tlsPort: number | null;
  password: string | null;
}

function parseQuery(query: string): Keys {
  const keys: Keys = { port: null, tlsPort: null, password: null };
  for (const pair of query.split(/[&;]/)) {
    if (pair === "") continue;
    const [key, text] = splitAt(pair, pair.indexOf("="));
    const setTwice = (): SpiceUriError => new SpiceUriError(`${key} is given twice`);
    // A key without a value says nothing, as with spice-gtk.
    const isEmpty = text === "";
    switch (key) {
      case "port":
        if (keys.port !== null) throw setTwice();
        if (!isEmpty) keys.port = needPort(text, "port");
        break;
      case "tls-port":
        if (keys.tlsPort !== null) throw setTwice();
        if (!isEmpty) keys.tlsPort = needPort(text, "tls-port");
        break;
      case "password":
        if (keys.password !== null) throw setTwice();
        if (!isEmpty) keys.password = decode(text, "password");
        break;
      default: {
        // What is no key may be the tail of a password with a separator in it: not repeated here.
        const name = /^[a-z][a-z0-9-]{0,30}$/i.test(key) && pair.includes("=") ? ` ${key}` : "";
        throw new SpiceUriError(
          `unknown key${name} in the address; known are port, tls-port and password, ` +
            "and special characters in values are written as %XX",
        );
      }
    }
  }
  return keys;
}

function needPort(text: string, what: string): number {
  const port = parsePort(decode(text, what));
  if (port === null) throw new SpiceUriError(`${what} is not a number from 1 to 65535`);
  return port;
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SpiceUriError(`the ${what} has a % that is not followed by two digits; write %25`);
  }
}

/** What stands before and behind the character at `index`; nothing behind where it is negative. */
function splitAt(text: string, index: number): [string, string] {
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + 1)];
}

import { describe, expect, test } from "vitest";
import type { ConnectionOptions } from "../src/connection-options.ts";
import { formatSpiceUri, parseSpiceUri, SpiceUriError } from "../src/spice-uri.ts";

/** What a URI says, without what it does not say. */
function said(uri: string): Record<string, unknown> {
  const { endpoint, username, password }: ConnectionOptions = parseSpiceUri(uri);
  const all = { ...endpoint, username, password };
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== null && value !== ""),
  );
}

describe("a SPICE URI", () => {
  test.each<[string, Record<string, unknown>]>([
    ["spice://host:5900", { host: "host", port: 5900 }],
    ["SPICE://host:5900/", { host: "host", port: 5900 }],
    ["  spice://host:5900\n", { host: "host", port: 5900 }],
    ["spice://host?port=5900", { host: "host", port: 5900 }],
    ["spice://host/?port=5900&tls-port=5901", { host: "host", port: 5900, tlsPort: 5901 }],
    [
      "spice://host:5900?tls-port=5901;password=a%20b",
      { host: "host", port: 5900, tlsPort: 5901, password: "a b" },
    ],
    ["spice://host?tls-port=5901", { host: "host", tlsPort: 5901 }],
    ["spice://host:5900?tls-port=", { host: "host", port: 5900 }],
    ["spice://host:5900?password=a+b/c@d:e", { host: "host", port: 5900, password: "a+b/c@d:e" }],
    ["spice://me%40home@host:5900", { host: "host", port: 5900, username: "me@home" }],
    [
      "spice://me:secret@host:5900",
      { host: "host", port: 5900, username: "me", password: "secret" },
    ],
    ["spice://[::1]:5900", { host: "::1", port: 5900 }],
    ["spice://[fe80::1%25eth0]?tls-port=1", { host: "fe80::1%eth0", tlsPort: 1 }],
    ["spice+tls://host:5901", { host: "host", tlsPort: 5901 }],
    ["spice+tls://host:5901?password=x", { host: "host", tlsPort: 5901, password: "x" }],
    ["spice+unix:///run/vm/spice.sock", { unixPath: "/run/vm/spice.sock" }],
    ["spice+unix:///run/a%20b?password=x", { unixPath: "/run/a b", password: "x" }],
    ["ws://host:6080/vm?token=t", { host: "host", url: "ws://host:6080/vm?token=t" }],
    [
      "wss://me:secret@[::1]/vm",
      { host: "::1", url: "wss://[::1]/vm", username: "me", password: "secret" },
    ],
  ])("%s is understood", (uri, expected) => {
    expect(said(uri)).toEqual(expected);
  });

  test.each([
    ["host:5900", "no scheme"],
    ["vnc://host:5900", "not supported"],
    ["spice://:5900", "no host"],
    ["spice://host", "no port"],
    ["spice+tls://host", "no port"],
    ["spice+tls://host:1?tls-port=2", "behind the host"],
    ["spice+unix://", "no path"],
    ["spice+unix:///a?port=1", "no port"],
    ["spice://host:0", "1 to 65535"],
    ["spice://host:70000", "1 to 65535"],
    ["spice://host:5900x", "1 to 65535"],
    ["spice://host:5900?tls-port=x", "1 to 65535"],
    ["spice://host:5900?port=5901", "given twice"],
    ["spice://host?port=1&port=2", "port is given twice"],
    ["spice://me:a@host:1?password=b", "password is given twice"],
    ["spice://host:5900?tls_port=1", "unknown key"],
    ["spice://host:5900?color-depth=1", "unknown key color-depth"],
    ["spice://::1:5900", "brackets"],
    ["spice://[::1:5900", "brackets"],
    ["spice://host:5900?password=100%", "%25"],
    ["ws://", "malformed"],
  ])("%s is refused, saying %s", (uri, words) => {
    expect(() => parseSpiceUri(uri)).toThrow(SpiceUriError);
    expect(() => parseSpiceUri(uri)).toThrow(words);
  });

  test.each([
    "spice://host:5900?password=hunter2&hunter2",
    "spice://host:5900?password=hunter2%",
    "spice://me:hunter2%@host:5900",
    "spice://me:hunter2@host:5900?password=x",
    "spice://host:5900?password=x;hunter2!",
  ])("%s is refused without repeating the password", (uri) => {
    expect(() => parseSpiceUri(uri)).toThrow(SpiceUriError);
    expect(() => parseSpiceUri(uri)).not.toThrow("hunter2");
  });

  test.each([
    ["spice://me:secret@host:5900?tls-port=5901", "spice://me@host:5900?tls-port=5901"],
    ["spice+tls://[::1]:5901?password=secret", "spice+tls://[::1]:5901"],
    ["spice://host?tls-port=5901", "spice+tls://host:5901"],
    ["spice+unix:///run/a%20b?password=secret", "spice+unix:///run/a%20b"],
    ["wss://me:secret@host/vm?token=secret", "wss://host/vm"],
  ])("%s is shown as %s", (uri, shown) => {
    expect(formatSpiceUri(parseSpiceUri(uri))).toBe(shown);
    expect(said(shown)).toEqual(said(formatSpiceUri(parseSpiceUri(shown))));
  });
});

import { describe, expect, it } from "vitest";
import { listenAddressText, parseListenAddress } from "../src/listen-address.ts";
import { HostUsageError } from "../src/usage-error.ts";

describe("places to listen", () => {
  it.each([
    ["5900", { kind: "tcp", host: "127.0.0.1", port: 5900, tls: false }],
    ["0.0.0.0:5900", { kind: "tcp", host: "0.0.0.0", port: 5900, tls: false }],
    ["spice://[::]:0", { kind: "tcp", host: "::", port: 0, tls: false }],
    ["spice+tls://host:5901", { kind: "tcp", host: "host", port: 5901, tls: true }],
    ["wss://host:443/", { kind: "tcp", host: "host", port: 443, tls: true }],
    ["spice+unix:///run/a%20b.sock", { kind: "unix", path: "/run/a b.sock" }],
  ])("reads %s", (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each(["", "host", "host:99999", "http://host:1", "spice+unix://", "::1:5900"])(
    "refuses '%s' and says what to write",
    (text) => {
      expect(() => parseListenAddress(text)).toThrow(HostUsageError);
    },
  );

  it.each(["spice://127.0.0.1:1", "spice+tls://[::1]:2", "spice+unix:///a%20b"])(
    "writes %s as it reads it",
    (text) => {
      expect(listenAddressText(parseListenAddress(text))).toBe(text);
    },
  );
});

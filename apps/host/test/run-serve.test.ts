// Settings as an operator gives them, and the process that they start.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runServe, type ServeFlags } from "../src/run-serve.ts";
import { serverSettings } from "../src/server-settings.ts";
import { HostUsageError } from "../src/usage-error.ts";

const silent = { event: () => {}, warning: () => {} };

describe("a served guest", () => {
  let folder: string;
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "caraway-serve-"));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("runs where it is told, and ends with a signal", async () => {
    const path = join(folder, "spice.sock");
    const listening: string[] = [];
    const before = process.listenerCount("SIGTERM");
    await runServe(
      { listen: ["127.0.0.1:0", `spice+unix://${path}`], size: { width: 320, height: 240 } },
      {
        ...silent,
        listening: (addresses) => {
          listening.push(...addresses);
          process.emit("SIGTERM");
        },
      },
    );
    expect(listening[0]).toMatch(/^spice:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect(listening[1]).toBe(`spice+unix://${path}`);
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });

  it("warns when anybody on the network comes in", async () => {
    const warnings: string[] = [];
    const told = {
      ...silent,
      warning: (text: string) => warnings.push(text),
      listening: () => void process.emit("SIGTERM"),
    };
    await runServe({ listen: ["0.0.0.0:0"] }, told);
    expect(warnings).toEqual([expect.stringContaining("--ticket")]);
    await runServe({ listen: ["0.0.0.0:0"], ticket: file("t", "secret\n") }, told);
    expect(warnings).toHaveLength(1);
  });

  it("takes codecs of video in an order, or none, and names those that there are", () => {
    const server = (videoCodecs: string) => serverSettings({ videoCodecs }, 0, "5900").server;
    expect(server("vp9, mjpeg")).toMatchObject({
      streaming: "filter",
      videoCodecs: ["vp9", "mjpeg"],
    });
    expect(server("off")).toMatchObject({ streaming: "off" });
    expect(() => server("av1")).toThrow(/av1: there are mjpeg, vp8/);
  });

  it("takes tickets that end, users and those who look on", () => {
    const settings = serverSettings(
      {
        ticket: file("ticket", "secret\nmore\n"),
        ticketExpires: 2,
        viewOnlyTicket: file("view", "look"),
        sasl: file("users", "# people\nann:pass:word\n"),
      },
      1000,
      "5900",
    );
    expect(settings.server.tickets).toEqual([
      { password: "secret", expiresAt: 3000, viewOnly: false },
      { password: "look", expiresAt: 3000, viewOnly: true },
    ]);
    expect(settings.saslPasswords?.("ann")).toBe("pass:word");
    expect(settings.saslPasswords?.("bob")).toBeNull();
  });

  it.each<[string, ServeFlags, RegExp]>([
    ["a TLS port without a certificate", { listen: ["spice+tls://h:1"] }, /--tls/],
    ["a certificate that is not there", { tls: "nowhere.pem,key.pem" }, /nowhere\.pem: ENOENT/],
    ["a guest beyond its bounds", { monitors: 99 }, /monitors/],
  ])("refuses %s", async (_what, flags, said) => {
    const run = runServe(flags, { ...silent, listening: () => void process.emit("SIGTERM") });
    await expect(run).rejects.toThrow(HostUsageError);
    await expect(run).rejects.toThrow(said);
  });

  it("refuses an empty ticket", () => {
    expect(() => serverSettings({ ticket: file("empty", "\n") }, 0, "5900")).toThrow(/1 to 60/);
  });
});

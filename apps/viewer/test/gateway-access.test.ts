import type { PlainError } from "@caraway/browser";
import { afterEach, describe, expect, it, vi } from "vitest";
import { GatewayAccess } from "../src/session/gateway-access.ts";

afterEach(() => vi.unstubAllGlobals());

/** Gateways answer in turn with a session, or with a status. */
function world(answers: readonly (string | number)[], session: string | null = null) {
  const asked: unknown[] = [];
  const kept: string[] = [];
  const left = [...answers];
  vi.stubGlobal("fetch", async (url: URL, init: RequestInit) => {
    asked.push([url.href, JSON.parse(String(init.body))]);
    const answer = left.shift();
    if (answer === undefined) throw new TypeError("Failed to fetch");
    return typeof answer === "number"
      ? new Response("no", { status: answer })
      : Response.json({ session: answer });
  });
  const access = new GatewayAccess({
    base: new URL("https://gw.example/desk/"),
    token: "t",
    session,
    onSession: (news) => kept.push(news),
  });
  const server = () => access.connector({ kind: "server", url: null });
  const target = (host: string) =>
    access.connector({ kind: "target", host, port: 5900, tls: false });
  return { access, asked, kept, server, target };
}

const error = (code: string): PlainError => ({ code, message: "", hint: null });
const at = (session: string) => `wss://gw.example/desk/spice?session=${session}`;

describe("a desktop behind a gateway", () => {
  it("redeems its token once, however many channels ask at the same time", async () => {
    const { asked, kept, server } = world(["g1.a"]);
    const urls = await Promise.all([server(), server(), server()]);
    expect(urls).toEqual([at("g1.a"), at("g1.a"), at("g1.a")]);
    expect(await server()).toBe(at("g1.a"));
    expect(asked).toEqual([["https://gw.example/desk/session", { token: "t" }]]);
    expect(kept).toEqual(["g1.a"]);
  });

  it("uses what an earlier page was given", async () => {
    const { asked, server } = world([], "g1.a");
    expect(await server()).toBe(at("g1.a"));
    expect(asked).toEqual([]);
  });

  it("follows the desktop to what the gateway calls the target, and nowhere else", async () => {
    const { access, kept, server, target } = world(["g1.a"]);
    await server();
    expect(await target("g1.b")).toBe(at("g1.b"));
    expect(await target("10.0.0.7:5900")).toBeNull();
    expect(await target("localhost")).toBeNull();
    access.movedTo("g1.b");
    expect(await server()).toBe(at("g1.b"));
    expect(kept).toEqual(["g1.a", "g1.b"]);
  });

  it("says what the gateway has against a token", async () => {
    for (const [status, code] of [
      [401, "TOKEN_REFUSED"],
      [403, "TOKEN_REFUSED"],
      [429, "GATEWAY_BUSY"],
      [503, "GATEWAY_BUSY"],
      [404, "GATEWAY_NONE"],
    ] as const) {
      const { access, server } = world([status]);
      await expect(server()).rejects.toThrow(String(status));
      expect(access.explain(error("LINK_UNREACHABLE"))).toMatchObject({ code });
      // Said once: what comes later is about something else.
      expect(access.explain(error("LINK_TIMEOUT")).code).toBe("LINK_TIMEOUT");
    }
  });

  it("redeems again where a session opens nothing, and goes back to it if the token is used", async () => {
    const { access, server } = world(["g1.a", 401, "g1.c"]);
    await server();
    access.explain(error("LINK_UNREACHABLE"));
    expect(await server()).toBe(at("g1.a"));
    access.explain(error("LINK_UNREACHABLE"));
    expect(await server()).toBe(at("g1.c"));
  });

  it("asks where its desktop is now, when the gateway does not reach it where it was", async () => {
    const { access, server } = world(["g1.a", "g1.b"]);
    await server();
    // A code that is tried again.
    expect(access.explain(error("LINK_ERROR")).code).toBe("LINK_UNREACHABLE");
    expect(await server()).toBe(at("g1.b"));
  });

  it("keeps its session while the gateway is away", async () => {
    const { access, server } = world(["g1.a"]);
    await server();
    access.explain(error("LINK_UNREACHABLE"));
    await expect(server()).rejects.toThrow("Failed to fetch");
    expect(access.explain(error("LINK_UNREACHABLE")).code).toBe("LINK_UNREACHABLE");
  });

  it("shows nobody a session in place of a host's name", () => {
    const { access } = world([]);
    const event = {
      name: "migration",
      phase: "begin",
      mode: "seamless",
      target: "g1.b",
      withinMs: 1,
    } as const;
    expect(JSON.stringify(access.shown(event))).not.toContain("g1.b");
  });
});

// The HTTP API: who may ask, what is answered, and the stream of events.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiServer } from "../src/api-server.ts";
import type { ApiEvent, ApiGuest, ApiMigration } from "../src/api-types.ts";
import { faultIn } from "../src/api-validate.ts";
import { HostMetrics } from "../src/host-metrics.ts";
import { apiSchemas } from "../src/openapi.ts";
import { HostPair, until } from "./host-pair.ts";

const token = "a token of 16 or more".replaceAll(" ", "-");

describe("the API", () => {
  let pair: HostPair;
  let api: ApiServer;
  let base: string;
  const errors: unknown[] = [];

  beforeEach(async () => {
    const metrics = new HostMetrics();
    pair = await HostPair.start({}, { metrics });
    const { a: host } = pair;
    metrics.watch({
      get guests() {
        return host.guests;
      },
      inDoubt: 0,
    });
    errors.length = 0;
    api = await ApiServer.open({
      ...{ host, metrics, token, tls: null },
      listen: { host: "127.0.0.1", port: 0 },
      onError: (error) => errors.push(error),
    });
    base = `http://127.0.0.1:${api.port}`;
  });

  afterEach(async () => {
    await api.close();
    await pair[Symbol.asyncDispose]();
    expect(errors).toEqual([]);
  });

  async function ask(method: string, path: string, body?: object | string): Promise<Response> {
    return await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  it("answers without a token only whether it serves, and what it is", async () => {
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    const schema = (await (await fetch(`${base}/openapi.json`)).json()) as { openapi: string };
    expect(schema.openapi).toBe("3.1.0");
    for (const path of ["/v1/guests", "/v1/events", "/metrics", "/v1/nothing"]) {
      expect((await fetch(base + path)).status).toBe(401);
      const headers = { authorization: "Bearer another-token-of-16" };
      expect((await fetch(base + path, { headers })).status).toBe(401);
    }
    api.drain();
    expect((await fetch(`${base}/healthz`)).status).toBe(503);
  });

  it("tells of guests as the schema says", async () => {
    const { guests } = (await (await ask("GET", "/v1/guests")).json()) as { guests: ApiGuest[] };
    expect(guests).toHaveLength(1);
    expect(faultIn(apiSchemas.Guest as never, guests[0], "")).toBeNull();
    const one = await (await ask("GET", "/v1/guests/desk")).json();
    expect(one).toMatchObject({ name: "desk", state: "running", sessions: [] });
    const host = await (await ask("GET", "/v1/host")).json();
    expect(faultIn(apiSchemas.Host as never, host, "")).toBeNull();
  });

  it("makes, stops, runs and ends guests", async () => {
    const made = await ask("POST", "/v1/guests", { name: "two", width: 320, height: 240 });
    expect(made.status).toBe(201);
    expect((await ask("POST", "/v1/guests", { name: "two" })).status).toBe(409);
    expect((await ask("POST", "/v1/guests", { name: "../etc" })).status).toBe(400);
    expect((await ask("POST", "/v1/guests", { name: "big", width: 99_999 })).status).toBe(400);
    const stopped = await ask("PUT", "/v1/guests/two/running", { running: false });
    expect(await stopped.json()).toMatchObject({ state: "stopped" });
    await ask("PUT", "/v1/guests/two/running", { running: true });
    expect(pair.a.guest("two").state).toBe("running");
    expect((await ask("DELETE", "/v1/guests/two")).status).toBe(204);
    expect((await ask("GET", "/v1/guests/two")).status).toBe(404);
  });

  it("sets tickets", async () => {
    const tickets = [
      { password: "secret", expiresInS: 60 },
      { password: "look", viewOnly: true },
    ];
    expect((await ask("PUT", "/v1/guests/desk/tickets", { tickets })).status).toBe(204);
    expect(pair.a.guest("desk").tickets).toMatchObject([
      { password: "secret", viewOnly: false },
      { password: "look", viewOnly: true, expiresAt: null },
    ]);
    const long = [{ password: "x".repeat(61) }];
    expect((await ask("PUT", "/v1/guests/desk/tickets", { tickets: long })).status).toBe(400);
  });

  it("moves a guest, and tells it as it happens", async () => {
    const path = "/v1/guests/desk/migrations";
    expect((await ask("POST", path, { to: "b", mode: "fast" })).status).toBe(400);
    expect((await ask("POST", "/v1/guests/none/migrations", { to: "b" })).status).toBe(404);
    const begun = await ask("POST", path, { to: pair.b.peerAddress });
    expect(begun.status).toBe(202);
    const { id } = (await begun.json()) as ApiMigration;
    expect((await ask("POST", path, { to: pair.b.peerAddress })).status).toBe(409);
    const names = (await follow(`/v1/events?since=0&migration=${id}`)).map(({ event }) => event);
    expect(names[0]).toBe("migration-began");
    expect(names.filter((name) => name === "migration-phase").length).toBeGreaterThan(6);
    const ended = (await (await ask("GET", `/v1/migrations/${id}`)).json()) as ApiMigration;
    expect(faultIn(apiSchemas.Migration as never, ended, "")).toBeNull();
    expect(ended).toMatchObject({ owner: "target", error: null });
    expect((await ask("POST", `/v1/migrations/${id}/cancel`)).status).toBe(409);
    const word = { owner: "source" };
    expect((await ask("POST", `/v1/migrations/${id}/resolve`, word)).status).toBe(409);
    await until(() => pair.a.guests.length === 0);
    const figures = await (await ask("GET", "/metrics")).text();
    expect(figures).toContain('caraway_host_migrations_total{direction="out",result="moved"} 1');
  });

  /** Reads events up to the end of a move. */
  async function follow(path: string): Promise<ApiEvent[]> {
    const response = await ask("GET", path);
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const events: ApiEvent[] = [];
    let text = "";
    for await (const bytes of response.body!) {
      text += Buffer.from(bytes).toString();
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) if (line !== "") events.push(JSON.parse(line) as ApiEvent);
      if (events.some(({ event }) => event === "migration-ended")) break;
    }
    return events;
  }

  it("goes on where a page has stopped to listen", async () => {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: "text/event-stream",
      "last-event-id": "1",
    };
    const response = await fetch(`${base}/v1/events`, { headers });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body!.getReader();
    const first = Buffer.from((await reader.read()).value!).toString();
    expect(first).toMatch(/^id: 2\ndata: \{.*\}\n\n/);
    await reader.cancel();
  });

  it.each([
    ["POST", "/v1/guests", "{", 400],
    ["POST", "/v1/guests", "x".repeat(70_000), 400],
    ["GET", "/v1/guests/%zz", undefined, 400],
    ["GET", "/v1/guests/none", undefined, 404],
    ["PATCH", "/v1/guests/desk", {}, 404],
    ["GET", "/", undefined, 404],
    ["GET", "/v1/events?since=x", undefined, 400],
    ["DELETE", "/v1/guests/desk/sessions/9", undefined, 404],
  ])("answers %s %s in JSON", async (method, path, body, status) => {
    const response = await ask(method, path, body);
    expect(response.status).toBe(status);
    expect(faultIn(apiSchemas.Error as never, await response.json(), "")).toBeNull();
  });
});

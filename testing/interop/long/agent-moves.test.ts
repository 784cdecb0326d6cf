// Files and a paste that are under way while the testcard moves between two of our servers, with
// our client and with spice-gtk: intact by hash, in one piece where the session is seamless.

import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { SessionEvent } from "@caraway/client";
import { afterAll, describe, expect, it } from "vitest";
import {
  CarawayClient,
  ClipboardUser,
  endpointOf,
  MovingTestcard,
  startGtkClient,
} from "../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "caraway-agent-moves-"));
afterAll(() => rmSync(folder, { recursive: true }));

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function makeFile(name: string, size: number): { path: string; hash: string } {
  const content = randomBytes(size);
  const path = join(folder, name);
  writeFileSync(path, content);
  return { path, hash: hashOf(content) };
}

function textOf(desk: MovingTestcard): string {
  return (desk.testcard.snapshot(0) as { editor: { text: string } }).editor.text;
}

describe.each(["seamless", "semi-seamless"] as const)("a busy agent in a %s move", (mode) => {
  it("keeps what our client sends and has pasted", async () => {
    await using desk = await MovingTestcard.start({ testcard: { speed: 0 } });
    const client = new CarawayClient(endpointOf(desk.address), {
      onEvent: (event: SessionEvent) => user?.answer(event),
    });
    const user: ClipboardUser = new ClipboardUser(client);
    try {
      await user.agentIsThere();
      const picture = randomBytes(300_000);
      user.copy(new Map([["IMAGE_PNG", picture]]));
      await delay(200);
      const file = makeFile("ours.bin", 1_500_000);
      const transfer = await user.send(file.path);
      desk.here.server.input({ type: "key", code: 0x1d, down: true });
      desk.here.server.input({ type: "key", code: 0x2f, down: true });
      desk.here.server.input({ type: "key", code: 0x2f, down: false });
      desk.here.server.input({ type: "key", code: 0x1d, down: false });
      await delay(100);
      const events = client.events.length;
      await desk.move(mode, false);
      const { phase, restarts } = await user.sent(transfer, 100_000);
      expect(phase).toBe("done");
      expect(desk.testcard.files.at(-1)).toMatchObject({ name: "ours.bin", sha256: file.hash });
      const lost = client.events.slice(events).some(({ name }) => name === "clipboard-undelivered");
      const line = `IMAGE_PNG ${picture.length} ${hashOf(picture).slice(0, 8)}`;
      if (mode === "seamless") {
        expect({ restarts, lost }).toEqual({ restarts: 0, lost: false });
        expect(textOf(desk)).toContain(line);
        expect(client.events.filter(({ name }) => name === "agent")).toHaveLength(1);
      } else {
        // It was cut off and said so, or had arrived before.
        expect(lost || textOf(desk).includes(line)).toBe(true);
      }
    } finally {
      client.close();
    }
  });
});

describe("a busy agent in a seamless move", () => {
  it("keeps what spice-gtk sends", async () => {
    await using desk = await MovingTestcard.start({ testcard: { speed: 0 } });
    const client = await startGtkClient(desk.address);
    try {
      await client.waitFor("agent", { where: ({ connected }) => connected === true });
      await client.waitFor("mark");
      const file = makeFile("gtk.bin", 1_500_000);
      client.send(`send-file ${file.path}`);
      await delay(100);
      await desk.move("seamless", false);
      const { error } = await client.waitFor("file-sent", { timeoutMs: 60_000 });
      expect(error).toBe("");
      expect(desk.testcard.files.at(-1)).toMatchObject({ name: "gtk.bin", sha256: file.hash });
    } finally {
      await client.close();
    }
  });
});

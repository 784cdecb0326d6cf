// The testcard's agent with a client's end at its port: the clipboard both ways, files, monitors,
// and a guest that is saved and loaded at any byte.

import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { AgentClient, type AgentEvent, ChunkReader, chunksOf } from "@caraway/agent";
import type { GuestOutput } from "@caraway/server";
import { createTestcard, loadTestcard, type TestcardOptions } from "@caraway/testcard";
import { describe, expect, it } from "vitest";
import { Player } from "./player.ts";

const stream = { use: "agent", id: 0 } as const;
const control = 0x1d;
const [letterC, letterV, letterX] = [0x2e, 0x2f, 0x2d];
const printScreen = 0xe037;
const restartKey = 0x58;
const small = { width: 240, height: 240, speed: 0 };

/** A testcard, a client's end of its agent, and a server that only passes bytes on. */
class Desk {
  readonly player: Player;
  readonly client = new AgentClient();
  readonly events: AgentEvent[] = [];
  readonly content = new Map<number, Uint8Array>();
  copied: Uint8Array | null = null;
  /** What the guest said of its volume. */
  readonly volumes: GuestOutput[] = [];
  /** After so many bytes to the guest it is saved and loaded. */
  moveAt: number | null = null;
  toGuest = 0;
  #chunks = new ChunkReader();
  #credit = 0;
  #isMoving = false;
  #waiting: Uint8Array[] = [];

  constructor(options: TestcardOptions = {}) {
    this.player = new Player(createTestcard({ ...small, ...options }));
    this.player.listen((output) => this.#hear(output));
    this.player.boot();
    this.player.send({ type: "stream-open", stream, open: true });
    this.player.send({ type: "stream-credit", stream, bytes: 1 << 20 });
    this.run();
  }

  run(): void {
    for (let turn = 0; turn < 10_000; turn++) {
      this.#drain();
      const bytes = this.#waiting.shift();
      if (bytes === undefined) return;
      this.#deliver(bytes);
      this.client.grantTokens(1);
    }
    throw new Error("client and guest do not come to rest");
  }

  press(...codes: readonly number[]): void {
    for (const code of codes) this.player.send({ type: "key", code, down: true });
    for (const code of codes.toReversed()) this.player.send({ type: "key", code, down: false });
    this.player.settle();
    this.run();
  }

  get text(): string {
    return (this.player.card.snapshot(this.player.now) as { editor: { text: string } }).editor.text;
  }

  told<N extends AgentEvent["name"]>(name: N): Extract<AgentEvent, { name: N }>[] {
    return this.events.filter((event): event is Extract<AgentEvent, { name: N }> => {
      return event.name === name;
    });
  }

  /** Goes on in another process, as far as the guest can tell. */
  move(): void {
    this.player.send({ type: "stop" });
    const state = this.player.card.save(this.player.now);
    this.player.card = loadTestcard(state, this.player.now);
    this.#credit = 0;
    this.#isMoving = true;
    const described = this.player.drain();
    this.#isMoving = false;
    expect(described).toContainEqual({ type: "stream-open", stream, open: true });
    this.player.send({ type: "stream-open", stream, open: true });
    this.player.send({ type: "stream-credit", stream, bytes: 1 << 20 });
    this.player.send({ type: "run" });
  }

  #deliver(bytes: Uint8Array): void {
    const at = this.moveAt === null ? -1 : this.moveAt - this.toGuest;
    this.toGuest += bytes.length;
    if (at < 0 || at > bytes.length) {
      this.#write(bytes);
      return;
    }
    this.moveAt = null;
    this.#write(bytes.subarray(0, at));
    this.move();
    this.#write(bytes.subarray(at));
  }

  #write(bytes: Uint8Array): void {
    expect(bytes.length).toBeLessThanOrEqual(this.#credit);
    this.#credit -= bytes.length;
    if (bytes.length > 0) this.player.send({ type: "stream-data", stream, bytes });
  }

  #hear(output: GuestOutput): void {
    if (output.type === "volume") this.volumes.push(output);
    if (!("stream" in output) || output.stream.use !== "agent") return;
    if (output.type === "stream-credit") this.#credit += output.bytes;
    else if (output.type === "stream-data") {
      for (const { bytes } of this.#chunks.push(output.bytes)) this.client.data(bytes);
    } else if (output.type === "stream-open") {
      // An agent that has moved is none that has come: the client knows it.
      if (this.#isMoving) return;
      this.#chunks = new ChunkReader();
      if (output.open) this.client.attach(10);
      else this.client.detach();
    }
  }

  #drain(): void {
    for (let output = this.client.poll(); output !== null; output = this.client.poll()) {
      if (output.type === "event") {
        this.events.push(output.event);
        const { event } = output;
        if (event.name === "clipboard-request") {
          this.client.command({ ...event, name: "clipboard-data", data: this.copied });
        }
      } else if (output.type === "read") {
        const { transfer, offset, size, read } = output;
        const bytes = this.content.get(transfer)!.slice(offset, offset + size);
        this.client.command({ name: "file-data", read, bytes, detail: "" });
      } else if (output.name === "AGENT_DATA") {
        this.#waiting.push(chunksOf({ port: 1, bytes: output.body.data }));
      }
    }
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function content(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
}

describe("the testcard's agent", () => {
  it("is there as soon as the guest runs", () => {
    const desk = new Desk();
    expect(desk.told("agent")).toMatchObject([{ connected: true }]);
    const without = new Player(createTestcard({ ...small, agent: false }));
    const attached = without.boot().filter((output) => output.type === "attach");
    expect(JSON.stringify(attached)).not.toContain("agent");
  });

  it("pastes the client's text with Ctrl+V", () => {
    const desk = new Desk();
    desk.copied = new TextEncoder().encode("from the client");
    const selection = "CLIPBOARD";
    desk.client.command({ name: "clipboard-offer", selection, formats: ["UTF8_TEXT"] });
    desk.run();
    desk.press(control, letterV);
    expect(desk.text.endsWith("from the client")).toBe(true);
  });

  it("says of a picture that it pastes how large it is, and its hash", () => {
    const desk = new Desk();
    desk.copied = content(5000);
    const selection = "CLIPBOARD";
    desk.client.command({ name: "clipboard-offer", selection, formats: ["IMAGE_PNG"] });
    desk.run();
    desk.press(control, letterV);
    expect(desk.text).toContain(`IMAGE_PNG 5000 ${hashOf(desk.copied).slice(0, 8)}`);
  });

  it("offers its text with Ctrl+C", () => {
    const desk = new Desk();
    desk.press(letterX);
    desk.press(control, letterC);
    expect(desk.told("clipboard-offer")).toMatchObject([{ formats: ["UTF8_TEXT"] }]);
    const want = { selection: "CLIPBOARD", format: "UTF8_TEXT" } as const;
    desk.client.command({ name: "clipboard-request", ...want });
    desk.run();
    const [answer] = desk.told("clipboard-data");
    expect(new TextDecoder().decode(answer!.data!)).toBe(desk.text);
  });

  it("offers what it shows with Print Screen, as a picture that is exact", () => {
    const desk = new Desk();
    desk.press(printScreen);
    const want = { selection: "CLIPBOARD", format: "IMAGE_PNG" } as const;
    desk.client.command({ name: "clipboard-request", ...want });
    desk.run();
    const png = Buffer.from(desk.told("clipboard-data")[0]!.data!);
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([240, 240]);
    const size = png.readUInt32BE(33);
    const rows = inflateSync(png.subarray(41, 41 + size));
    const { pixels } = desk.player.card.surface(0, 0)!.pixmap;
    for (const [x, y] of [
      [0, 0],
      [120, 30],
      [239, 239],
    ] as const) {
      const at = y * 721 + 1 + 3 * x;
      expect(rows.readUIntBE(at, 3)).toBe(pixels[y * 240 + x]! & 0xffffff);
    }
  });

  it("keeps the sum of each file that comes", () => {
    const desk = new Desk();
    const files = [0, 1, 63, 64, 200_000].map(content);
    files.forEach((file, transfer) => {
      desk.content.set(transfer, file);
      const fileName = `file ${transfer}`;
      desk.client.command({ name: "file-send", transfer, fileName, size: file.length });
    });
    desk.run();
    expect(desk.told("file").filter(({ phase }) => phase === "done")).toHaveLength(5);
    const arrived = new Map(desk.player.card.files.map((file) => [file.name, file.sha256]));
    files.forEach((file, transfer) => {
      expect(arrived.get(`file ${transfer}`)).toBe(hashOf(file));
    });
  });

  it("gives the monitors the size that the client wants", () => {
    const desk = new Desk();
    const monitors = [{ width: 400, height: 300, x: 0, y: 0 }];
    desk.client.command({ name: "monitors", monitors });
    desk.run();
    expect(desk.player.card.surface(0, 0)).toMatchObject({ width: 400, height: 300 });
  });

  it("writes the names of files that are pasted", () => {
    const desk = new Desk();
    desk.copied = new TextEncoder().encode("copy\0/.spice-clipboard/1/a.txt\0/b.txt\0");
    const selection = "CLIPBOARD";
    desk.client.command({ name: "clipboard-offer", selection, formats: ["FILE_LIST"] });
    desk.run();
    desk.press(control, letterV);
    expect(desk.text.endsWith("/.spice-clipboard/1/a.txt\n/b.txt\n")).toBe(true);
  });

  it("plays as loud as the client wants it, also behind a move", () => {
    const desk = new Desk({ sound: true });
    const volume = { kind: "playback", mute: false, volume: [1000, 65535] } as const;
    desk.client.command({ name: "volume", ...volume });
    desk.run();
    const said = { type: "volume", device: 0, ...volume };
    expect(desk.volumes).toEqual([said]);
    desk.move();
    expect(desk.volumes).toEqual([said, said]);
  });

  it("restarts with F12, and begins a file again that was under way", () => {
    const desk = new Desk();
    const file = content(50_000);
    desk.content.set(1, file);
    desk.client.command({ name: "file-send", transfer: 1, fileName: "a", size: file.length });
    desk.player.send({ type: "key", code: restartKey, down: true });
    desk.run();
    expect(desk.told("agent").map(({ connected }) => connected)).toEqual([true, false, true]);
    expect(desk.player.card.files).toMatchObject([{ sha256: hashOf(file) }]);
  });

  it("goes on after a move, wherever a message is cut by it", { timeout: 120_000 }, () => {
    const file = content(300);
    const play = (moveAt: number | null): Desk => {
      const desk = new Desk();
      const { toGuest } = desk;
      desk.moveAt = moveAt === null ? null : toGuest + moveAt;
      desk.content.set(1, file);
      desk.client.command({ name: "file-send", transfer: 1, fileName: "a", size: file.length });
      desk.run();
      desk.copied = content(40).map((byte) => 32 + (byte % 90));
      const selection = "CLIPBOARD";
      desk.client.command({ name: "clipboard-offer", selection, formats: ["UTF8_TEXT"] });
      desk.run();
      return desk;
    };
    const whole = play(null);
    const size = whole.toGuest - new Desk().toGuest;
    expect(size).toBeGreaterThan(400);
    for (let at = 0; at <= size; at += 7) {
      const desk = play(at);
      expect(desk.moveAt, `moved at ${at}`).toBeNull();
      desk.press(control, letterV);
      const ends = desk.told("file").filter(({ phase }) => phase === "done");
      expect(ends, `moved at ${at}`).toMatchObject([{ restarts: 0 }]);
      expect(desk.player.card.files, `moved at ${at}`).toMatchObject([{ sha256: hashOf(file) }]);
      const pasted = new TextDecoder().decode(desk.copied!);
      expect(desk.text.endsWith(pasted), `moved at ${at}`).toBe(true);
    }
  });
});

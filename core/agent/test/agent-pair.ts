// Both ends of an agent and a server between them that only counts: what each end is told, with
// tokens, and with bytes cut as a test likes.

import { createHash } from "node:crypto";
import { FileXferStatus } from "@caraway/protocol";
import { ChunkReader, chunksOf } from "../src/agent-chunks.ts";
import { AgentClient, type AgentEvent, AgentGuest, type AgentGuestEvent } from "../src/index.ts";

const clipboardSizeMax = 1 << 20;

export interface ReceivedFile {
  readonly fileName: string;
  readonly size: number;
  readonly sha256: string | null;
}

export class Pair {
  readonly client = new AgentClient(clipboardSizeMax);
  guest = new AgentGuest(clipboardSizeMax);
  readonly told: AgentEvent[] = [];
  readonly heard: AgentGuestEvent[] = [];
  /** What the client has when it is asked for a clipboard's content. */
  clientContent: Uint8Array | null = null;
  guestContent: Uint8Array | null = null;
  /** Files of the client, by transfer. */
  readonly content = new Map<number, Uint8Array>();
  /** What the guest answers to a file's start. */
  answer: number = FileXferStatus.CAN_SEND_DATA;
  answerDetails = new Uint8Array(0);
  readonly files: ReceivedFile[] = [];
  /** Most bytes of files that were read and not yet taken by the guest. */
  mostRead = 0;
  /** Where the next write to the guest is cut; its second part comes after `onCut`. */
  cut: { at: number; onCut: () => void } | null = null;
  /** Pieces of AGENT_DATA that the client may send in one step. */
  tokens = 10;
  toGuest: Uint8Array[] = [];
  toClient: Uint8Array[] = [];
  bytesToGuest = 0;
  bytesToClient = 0;
  #chunks = new ChunkReader();
  #open = new Map<number, { fileName: string; size: number; parts: Uint8Array[] }>();

  /** The agent begins, and the client is told so. */
  begin(): void {
    this.toGuest = [];
    this.toClient = [];
    this.#chunks = new ChunkReader();
    this.client.attach(this.tokens);
    this.guest.begin();
  }

  /** Lets everything happen. */
  run(steps = 100_000): void {
    for (let step = 0; step < steps; step++) if (!this.step()) return;
  }

  /** One delivery; false when there is none. */
  step(): boolean {
    this.#drainGuest();
    this.#drainClient();
    const toGuest = this.toGuest.shift();
    if (toGuest !== undefined) {
      this.#deliver(toGuest);
      this.client.grantTokens(1);
      return true;
    }
    const toClient = this.toClient.shift();
    if (toClient === undefined) return false;
    this.bytesToClient += toClient.length;
    for (const { bytes } of this.#chunks.push(toClient)) this.client.data(bytes);
    return true;
  }

  /** Another guest goes on with the state of this one. */
  moveGuest(): void {
    this.#drainGuest();
    const state = structuredClone(this.guest.state());
    this.guest = new AgentGuest(clipboardSizeMax);
    this.guest.restore(state);
  }

  send(transfer: number, fileName: string, content: Uint8Array): void {
    this.content.set(transfer, content);
    const size = content.length;
    this.client.command({ name: "file-send", transfer, fileName, size });
  }

  toldOf<N extends AgentEvent["name"]>(name: N): Extract<AgentEvent, { name: N }>[] {
    return this.told.filter((event): event is Extract<AgentEvent, { name: N }> => {
      return event.name === name;
    });
  }

  heardOf<N extends AgentGuestEvent["name"]>(name: N): Extract<AgentGuestEvent, { name: N }>[] {
    return this.heard.filter((event): event is Extract<AgentGuestEvent, { name: N }> => {
      return event.name === name;
    });
  }

  /** How transfers ended. */
  get ends(): string[] {
    return this.toldOf("file")
      .filter(({ phase }) => phase === "done" || phase === "failed")
      .map(({ transfer, error }) => `${transfer} ${error?.code ?? "done"}`);
  }

  #deliver(bytes: Uint8Array): void {
    const { cut } = this;
    const at = cut === null ? -1 : cut.at - this.bytesToGuest;
    this.bytesToGuest += bytes.length;
    if (cut === null || at < 0 || at > bytes.length) {
      this.guest.data(bytes);
      return;
    }
    this.cut = null;
    this.guest.data(bytes.subarray(0, at));
    cut.onCut();
    this.guest.data(bytes.subarray(at));
  }

  #drainClient(): void {
    let read = 0;
    for (let output = this.client.poll(); output !== null; output = this.client.poll()) {
      if (output.type === "event") this.#clientTold(output.event);
      else if (output.type === "read") {
        read += output.size;
        this.mostRead = Math.max(this.mostRead, read);
        const { offset, size } = output;
        const bytes = this.content.get(output.transfer)!.slice(offset, offset + size);
        this.client.command({ name: "file-data", read: output.read, bytes, detail: "" });
      } else if (output.name === "AGENT_DATA") {
        this.toGuest.push(chunksOf({ port: 1, bytes: output.body.data }));
      }
    }
  }

  #clientTold(event: AgentEvent): void {
    this.told.push(event);
    if (event.name !== "clipboard-request") return;
    const { selection, format } = event;
    const data = this.clientContent;
    this.client.command({ name: "clipboard-data", selection, format, data });
  }

  #drainGuest(): void {
    for (let output = this.guest.poll(); output !== null; output = this.guest.poll()) {
      if (output.type === "send") this.toClient.push(output.bytes);
      else this.#guestTold(output.event);
    }
  }

  #guestTold(event: AgentGuestEvent): void {
    this.heard.push(event);
    switch (event.name) {
      case "clipboard-request":
        this.guest.provide(event.selection, event.format, this.guestContent);
        break;
      case "file-start":
        if (this.answer === FileXferStatus.CAN_SEND_DATA) {
          this.#open.set(event.id, { ...event, parts: [] });
          this.guest.acceptFile(event.id);
        } else this.guest.refuseFile(event.id, this.answer, this.answerDetails);
        break;
      case "file-data":
        this.#open.get(event.id)!.parts.push(event.bytes.slice());
        break;
      case "file-end": {
        const file = this.#open.get(event.id);
        this.#open.delete(event.id);
        if (file === undefined) break;
        const hash = createHash("sha256");
        for (const part of file.parts) hash.update(part);
        const sha256 = event.isComplete ? hash.digest("hex") : null;
        this.files.push({ fileName: file.fileName, size: file.size, sha256 });
        if (event.isComplete) this.guest.finishFile(event.id);
        break;
      }
    }
  }
}

export function bytesOf(size: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

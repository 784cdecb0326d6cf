// The testcard's agent: it shares the clipboard, sums up the files that are sent to it, and has
// the monitors and the volume that the client wants. All of it is saved with the guest.

import {
  AgentGuest,
  type AgentGuestEvent,
  type AgentGuestState,
  decodeFileList,
} from "@caraway/agent";
import { FileXferStatus } from "@caraway/protocol";
import type { GuestOutput, MonitorWish, StreamName, StreamTraffic } from "@caraway/server";
import { decodeUtf8, joinBytes } from "@caraway/wire";
import { soundDevice } from "./melody.ts";
import { addToSha256, emptySha256, type Sha256State, sha256Text } from "./sha256.ts";

export const agentStream: StreamName = { use: "agent", id: 0 };
/** The name of a real agent's port. */
export const agentPort = "com.redhat.spice.0";

/** Largest content of the clipboard. */
const clipboardSizeMax = 32 << 20;
/** Bytes that the server may send before they are read. */
export const agentInputMax = 1 << 16;
/** Bytes for a client that does not read; more is not offered to it. */
const outputMax = 64 << 20;
export const agentFilesMax = 64;

/** What was copied: a text or a picture, as PNG. */
export interface Copied {
  readonly format: "UTF8_TEXT" | "IMAGE_PNG";
  readonly data: Uint8Array;
}

export interface FileUnderWay {
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly sum: Sha256State;
}

/** A file that arrived whole. */
export interface ArrivedFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** How loud the guest plays, as its client wanted it last. */
export interface Mixer {
  /** Of each channel, 0 to 65535. */
  readonly volume: readonly number[];
  readonly mute: boolean;
}

/** Channels of which a client may set the volume. */
export const mixerChannelsMax = 8;

/** What the agent does to the desktop. */
export interface AgentHands {
  /** Writes into the editor. */
  write(text: string): void;
  resize(wishes: readonly MonitorWish[]): void;
}

export interface AgentProgramState {
  readonly isRunning: boolean;
  readonly guest: AgentGuestState;
  /** Bytes for the server that wait for its leave. */
  readonly output: Uint8Array;
  /** Bytes of the server's that came while the guest stood still. */
  readonly input: Uint8Array;
  readonly copied: Copied | null;
  /** Null: no client has set it. */
  readonly mixer: Mixer | null;
  readonly underWay: readonly FileUnderWay[];
  readonly arrived: readonly ArrivedFile[];
}

export class AgentProgram {
  readonly #hands: AgentHands;
  readonly #hasSound: boolean;
  readonly #guest = new AgentGuest(clipboardSizeMax);
  #isRunning = false;
  #output: Uint8Array[] = [];
  #outputSize = 0;
  #input: Uint8Array[] = [];
  /** Bytes that the server takes. */
  #credit = 0;
  #copied: Copied | null = null;
  #mixer: Mixer | null = null;
  #underWay: readonly FileUnderWay[] = [];
  #arrived: readonly ArrivedFile[] = [];

  /** `hasSound`: whether there is anything whose volume could be set. */
  constructor(hands: AgentHands, hasSound: boolean) {
    this.#hands = hands;
    this.#hasSound = hasSound;
  }

  /** Files that arrived whole, oldest first. */
  get files(): readonly ArrivedFile[] {
    return this.#arrived;
  }

  state(): AgentProgramState {
    return {
      isRunning: this.#isRunning,
      guest: this.#guest.state(),
      output: joinBytes(this.#output),
      input: joinBytes(this.#input),
      copied: this.#copied,
      mixer: this.#mixer,
      underWay: this.#underWay,
      arrived: this.#arrived,
    };
  }

  restore(state: AgentProgramState): void {
    this.#isRunning = state.isRunning;
    this.#guest.restore(state.guest);
    this.#output = state.output.length > 0 ? [state.output] : [];
    this.#outputSize = state.output.length;
    this.#input = state.input.length > 0 ? [state.input] : [];
    this.#copied = state.copied;
    this.#mixer = state.mixer;
    this.#underWay = state.underWay;
    this.#arrived = state.arrived;
  }

  /** What a server has to know that has only just come. */
  describe(): GuestOutput[] {
    const waiting = this.#input.reduce((sum, { length }) => sum + length, 0);
    const bytes = agentInputMax - waiting;
    const outputs: GuestOutput[] = [{ type: "stream-credit", stream: agentStream, bytes }];
    if (this.#isRunning) outputs.push({ type: "stream-open", stream: agentStream, open: true });
    this.#sayVolume(outputs);
    return outputs;
  }

  /** Begins, or begins anew as after a crash. */
  start(outputs: GuestOutput[]): void {
    if (this.#isRunning) {
      this.#guest.reset();
      this.#hear(outputs);
      outputs.push({ type: "stream-open", stream: agentStream, open: false });
    }
    this.#output = [];
    this.#outputSize = 0;
    this.#isRunning = true;
    outputs.push({ type: "stream-open", stream: agentStream, open: true });
    this.#guest.begin();
    this.#hear(outputs);
  }

  /** Something new is on the guest's clipboard. */
  copy(copied: Copied, outputs: GuestOutput[]): void {
    this.#copied = copied;
    this.#guest.offer("CLIPBOARD", [copied.format]);
    this.#hear(outputs);
  }

  /** Writes what is on the clipboard into the editor, when it is there. */
  paste(outputs: GuestOutput[]): void {
    const offered = this.#guest.state().clipboard.theirs[0]!;
    const format = offered.includes("UTF8_TEXT") ? "UTF8_TEXT" : offered[0];
    if (format !== undefined) this.#guest.request("CLIPBOARD", format);
    else if (this.#copied !== null) this.#show(this.#copied.format, this.#copied.data);
    this.#hear(outputs);
  }

  /** What the server does with the port. */
  handle(
    input: StreamTraffic | { readonly type: "stream-open"; readonly open: boolean },
    isStopped: boolean,
    outputs: GuestOutput[],
  ): void {
    switch (input.type) {
      case "stream-credit":
        this.#credit += input.bytes;
        break;
      case "stream-open":
        // Whoever was there is gone, perhaps in the middle of a message.
        if (!input.open) {
          this.#input = [];
          this.#guest.reset();
        }
        break;
      case "stream-data":
        this.#input.push(input.bytes);
        break;
    }
    if (!isStopped) this.resume(outputs);
  }

  /** Reads and writes what waits. */
  resume(outputs: GuestOutput[]): void {
    const input = this.#input;
    this.#input = [];
    for (const bytes of input) {
      if (this.#isRunning) this.#guest.data(bytes);
      outputs.push({ type: "stream-credit", stream: agentStream, bytes: bytes.length });
    }
    this.#hear(outputs);
  }

  #hear(outputs: GuestOutput[]): void {
    for (let output = this.#guest.poll(); output !== null; output = this.#guest.poll()) {
      if (output.type === "send") {
        this.#output.push(output.bytes);
        this.#outputSize += output.bytes.length;
      } else this.#act(output.event, outputs);
    }
    this.#write(outputs);
  }

  #write(outputs: GuestOutput[]): void {
    while (this.#credit > 0) {
      const first = this.#output[0];
      if (first === undefined) return;
      const bytes = first.subarray(0, this.#credit);
      if (bytes.length === first.length) this.#output.shift();
      else this.#output[0] = first.subarray(bytes.length);
      this.#credit -= bytes.length;
      this.#outputSize -= bytes.length;
      outputs.push({ type: "stream-data", stream: agentStream, bytes });
    }
  }

  #act(event: AgentGuestEvent, outputs: GuestOutput[]): void {
    switch (event.name) {
      case "clipboard-request": {
        const { selection, format } = event;
        const copied = this.#outputSize > outputMax ? null : this.#copied;
        const data = copied?.format === format ? copied.data : null;
        this.#guest.provide(selection, format, data);
        break;
      }
      case "clipboard-data":
        if (event.data !== null) this.#show(event.format, event.data);
        break;
      case "monitors":
        this.#hands.resize(
          event.monitors
            .map(({ x, y, width, height }, id) => ({ id, x, y, width, height }))
            .filter(({ width, height }) => width > 0 && height > 0),
        );
        break;
      case "volume": {
        const { kind, volume, mute } = event;
        if (kind !== "playback") break;
        this.#mixer = { volume: volume.slice(0, mixerChannelsMax), mute };
        this.#sayVolume(outputs);
        break;
      }
      case "file-start":
        this.#startFile(event);
        break;
      case "file-data":
        this.#underWay = this.#underWay.map((file) => {
          return file.id === event.id ? { ...file, sum: addToSha256(file.sum, event.bytes) } : file;
        });
        break;
      case "file-end":
        this.#endFile(event.id, event.isComplete);
        break;
      case "protocol-error":
        this.start(outputs);
        break;
      default:
        break;
    }
  }

  #sayVolume(outputs: GuestOutput[]): void {
    if (!this.#hasSound || this.#mixer === null) return;
    outputs.push({ type: "volume", kind: "playback", device: soundDevice, ...this.#mixer });
  }

  #startFile({ id, fileName: name, size }: Extract<AgentGuestEvent, { name: "file-start" }>): void {
    if (name.length > 255) {
      this.#guest.refuseFile(id, FileXferStatus.ERROR);
      return;
    }
    this.#underWay = [...this.#underWay, { id, name, size, sum: emptySha256 }];
    this.#guest.acceptFile(id);
  }

  #endFile(id: number, isComplete: boolean): void {
    const file = this.#underWay.find((other) => other.id === id);
    this.#underWay = this.#underWay.filter((other) => other !== file);
    if (file === undefined || !isComplete) return;
    const { name, size } = file;
    const sha256 = sha256Text(file.sum);
    this.#arrived = [...this.#arrived, { name, size, sha256 }].slice(-agentFilesMax);
    this.#hands.write(`${name} ${size} ${sha256.slice(0, 8)}\n`);
    this.#guest.finishFile(id);
  }

  /** Text is written, and names of files; of all else, its size and the beginning of its SHA-256. */
  #show(format: string, data: Uint8Array): void {
    const files = format === "FILE_LIST" ? decodeFileList(data) : null;
    if (format === "UTF8_TEXT") this.#hands.write(decodeUtf8(data));
    else if (files !== null) this.#hands.write(files.paths.map((path) => `${path}\n`).join(""));
    else {
      const sum = sha256Text(addToSha256(emptySha256, data));
      this.#hands.write(`${format} ${data.length} ${sum.slice(0, 8)}\n`);
    }
  }
}

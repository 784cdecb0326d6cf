// One end's part in the clipboards that client and guest share: who has content, what is asked for,
// and what comes. Content travels only when it is asked for. Both ends run this; they differ in
// what happens when both take a clipboard at the same moment, which the client wins.

import { ClipboardSelection, ClipboardType } from "@caraway/protocol";
import type { AgentContext, AgentMessage } from "./agent-stream.ts";
import {
  type ClipboardFormat,
  type ClipboardSelectionName,
  clipboardSelections,
  formatName,
  formatNames,
  lineEnding,
  selectionName,
  textFor,
} from "./clipboard-format.ts";

/** Why content did not come. */
export type ClipboardFailure =
  /** The other end has none, or not in this format. */
  | "none"
  /** It is larger than allowed. */
  | "too-large"
  /** The agent went away, or cannot share this clipboard. */
  | "agent-gone";

export type ClipboardEvent =
  /** The other end has new content, in these formats; with none of them, it has no content. */
  | {
      readonly name: "clipboard-offer";
      readonly selection: ClipboardSelectionName;
      readonly formats: readonly ClipboardFormat[];
    }
  /** The other end wants what we offered: answer with `provide`. */
  | {
      readonly name: "clipboard-request";
      readonly selection: ClipboardSelectionName;
      readonly format: ClipboardFormat;
    }
  /** The answer to a request. */
  | {
      readonly name: "clipboard-data";
      readonly selection: ClipboardSelectionName;
      readonly format: ClipboardFormat;
      readonly data: Uint8Array | null;
      /** Null with data. */
      readonly failure: ClipboardFailure | null;
    }
  /** All of what the other end asked for has left. */
  | {
      readonly name: "clipboard-sent";
      readonly selection: ClipboardSelectionName;
      readonly format: ClipboardFormat;
    }
  /** What the other end asked for did not reach it. */
  | {
      readonly name: "clipboard-undelivered";
      readonly selection: ClipboardSelectionName;
      readonly format: ClipboardFormat;
      readonly failure: ClipboardFailure;
    };

type Message<N extends AgentMessage["name"]> = Extract<AgentMessage, { name: N }>;
export type ClipboardMessage = Message<
  "CLIPBOARD" | "CLIPBOARD_GRAB" | "CLIPBOARD_REQUEST" | "CLIPBOARD_RELEASE"
>;

/** Says a message to the other end, and tells its own. */
export interface ClipboardOutlet {
  say(message: ClipboardMessage): void;
  tell(event: ClipboardEvent): void;
}

/** Content that is wanted: by us of the other end, or the other way round. */
export interface ClipboardWant {
  readonly selection: ClipboardSelectionName;
  readonly format: ClipboardFormat;
}

/** All of a clipboard's end, as plain data. */
export interface ClipboardState {
  readonly ours: readonly (readonly ClipboardFormat[])[];
  readonly theirs: readonly (readonly ClipboardFormat[])[];
  readonly serials: readonly number[];
  readonly asked: readonly ClipboardWant[];
  readonly wanted: readonly ClipboardWant[];
}

/** Requests of the other end that wait for an answer; one that asks for more gets none. */
const wantedMax = 64;

export class ClipboardEnd {
  readonly #role: "client" | "guest";
  readonly #outlet: ClipboardOutlet;
  /** Largest content, either way. */
  readonly #sizeMax: number;
  #peer: AgentContext = new Set();
  /** By selection: formats that we offer, and that the other end offers. */
  readonly #ours: (readonly ClipboardFormat[])[] = [[], [], []];
  readonly #theirs: (readonly ClipboardFormat[])[] = [[], [], []];
  /** By selection: grabs of both ends since the agent began. */
  #serials: number[] = [0, 0, 0];
  /** Our requests that have no answer yet, in their order. */
  #asked: ClipboardWant[] = [];
  /** The other end's. */
  #wanted: ClipboardWant[] = [];

  constructor(role: "client" | "guest", sizeMax: number, outlet: ClipboardOutlet) {
    this.#role = role;
    this.#sizeMax = sizeMax;
    this.#outlet = outlet;
  }

  /** The agent is gone, or another one is there: what it had and was asked for is gone too. */
  reset(): void {
    this.#peer = new Set();
    this.#serials = [0, 0, 0];
    const [asked, wanted] = [this.#asked, this.#wanted];
    this.#asked = [];
    this.#wanted = [];
    for (const want of asked) this.#answer(want, null, "agent-gone");
    for (const want of wanted) this.undelivered(want, "agent-gone");
    for (const selection of clipboardSelections) {
      if (this.#theirs[ClipboardSelection[selection]]!.length > 0) this.#offered(selection, []);
    }
  }

  /** The other end said what it can, for the first time: what we offer is offered to it. */
  begin(peer: AgentContext): void {
    this.#peer = peer;
    for (const selection of clipboardSelections) {
      if (this.#ours[ClipboardSelection[selection]]!.length > 0) this.#grab(selection);
    }
  }

  /** The other end said again what it can. */
  setPeer(peer: AgentContext): void {
    this.#peer = peer;
  }

  /** We have content in these formats; with none of them, none any more. */
  offer(selection: ClipboardSelectionName, formats: readonly ClipboardFormat[]): void {
    const index = ClipboardSelection[selection];
    const had = this.#ours[index]!.length > 0;
    this.#ours[index] = formats;
    // What the other end had is not the clipboard's content any more.
    if (formats.length > 0) this.#theirs[index] = [];
    const keepsGrab = formats.length > 0 && this.#peer.has("CLIPBOARD_NO_RELEASE_ON_REGRAB");
    if (had && !keepsGrab && this.#shares(selection)) {
      const body = { selection: this.#wireSelection(selection) };
      this.#outlet.say({ name: "CLIPBOARD_RELEASE", body });
    }
    if (formats.length > 0) this.#grab(selection);
  }

  /** Asks for content; answered by `clipboard-data`. */
  request(selection: ClipboardSelectionName, format: ClipboardFormat): void {
    const want = { selection, format };
    if (this.#asked.some((asked) => isSame(asked, want))) return;
    if (!this.#shares(selection)) {
      this.#answer(want, null, "agent-gone");
      return;
    }
    if (!this.#theirs[ClipboardSelection[selection]]!.includes(format)) {
      this.#answer(want, null, "none");
      return;
    }
    this.#asked.push(want);
    const body = { selection: this.#wireSelection(selection), type: ClipboardType[format] };
    this.#outlet.say({ name: "CLIPBOARD_REQUEST", body });
  }

  /** Answers a request of the other end; null when there is no such content. */
  provide(
    selection: ClipboardSelectionName,
    format: ClipboardFormat,
    data: Uint8Array | null,
  ): void {
    const want = { selection, format };
    const index = this.#wanted.findIndex((wanted) => isSame(wanted, want));
    if (index < 0) return;
    this.#wanted.splice(index, 1);
    if (!this.#shares(selection)) return;
    const isText = format === "UTF8_TEXT" && this.#role === "client";
    const lines = isText ? lineEnding(this.#peer) : null;
    const content = data !== null && lines !== null ? textFor(data, lines) : data;
    if (content !== null && content.length > this.#sizeMax) {
      this.#send(selection, ClipboardType.NONE, new Uint8Array(0));
      this.undelivered(want, "too-large");
    } else if (content === null) {
      this.#send(selection, ClipboardType.NONE, new Uint8Array(0));
    } else this.#send(selection, ClipboardType[format], content);
  }

  /** Content that was on its way did not arrive. */
  undelivered({ selection, format }: ClipboardWant, failure: ClipboardFailure): void {
    this.#outlet.tell({ name: "clipboard-undelivered", selection, format, failure });
  }

  handle(message: ClipboardMessage): void {
    const wire = message.body.selection?.selection ?? ClipboardSelection.CLIPBOARD;
    const selection = selectionName(wire);
    if (selection === null) return;
    switch (message.name) {
      case "CLIPBOARD_GRAB":
        if (this.#accepts(selection, message.body.serial)) {
          this.#ours[wire] = [];
          this.#offered(selection, formatNames(message.body.types));
        }
        break;
      case "CLIPBOARD_RELEASE":
        if (this.#theirs[wire]!.length > 0) this.#offered(selection, []);
        break;
      case "CLIPBOARD_REQUEST":
        this.#requested(selection, message.body.type);
        break;
      case "CLIPBOARD":
        this.#received(selection, message.body.type, message.body.data);
        break;
    }
  }

  /** Content came that is larger than allowed, and was passed over. */
  oversized(): void {
    const want = this.#asked.shift();
    if (want !== undefined) this.#answer(want, null, "too-large");
  }

  snapshot(): ClipboardState {
    return {
      ours: this.#ours.slice(),
      theirs: this.#theirs.slice(),
      serials: this.#serials.slice(),
      asked: this.#asked.slice(),
      wanted: this.#wanted.slice(),
    };
  }

  restore(state: ClipboardState, peer: AgentContext): void {
    this.#peer = peer;
    state.ours.forEach((formats, index) => {
      this.#ours[index] = formats;
    });
    state.theirs.forEach((formats, index) => {
      this.#theirs[index] = formats;
    });
    this.#serials = state.serials.slice();
    this.#asked = state.asked.slice();
    this.#wanted = state.wanted.slice();
  }

  /** Whether this clipboard is shared with the other end as it is now. */
  #shares(selection: ClipboardSelectionName): boolean {
    if (!this.#peer.has("CLIPBOARD_BY_DEMAND")) return false;
    return selection === "CLIPBOARD" || this.#peer.has("CLIPBOARD_SELECTION");
  }

  #wireSelection(selection: ClipboardSelectionName) {
    if (!this.#peer.has("CLIPBOARD_SELECTION")) return null;
    return { selection: ClipboardSelection[selection], reserved: new Uint8Array(3) };
  }

  #grab(selection: ClipboardSelectionName): void {
    if (!this.#shares(selection)) return;
    const index = ClipboardSelection[selection];
    const hasSerial = this.#peer.has("CLIPBOARD_GRAB_SERIAL");
    const serial = hasSerial ? this.#serials[index]! : null;
    if (hasSerial) this.#serials[index] = (this.#serials[index]! + 1) >>> 0;
    const types = this.#ours[index]!.map((format) => ClipboardType[format]);
    const body = { selection: this.#wireSelection(selection), serial, types };
    this.#outlet.say({ name: "CLIPBOARD_GRAB", body });
  }

  /** Whether a grab counts: of two that crossed each other, only the client's does. */
  #accepts(selection: ClipboardSelectionName, serial: number | null): boolean {
    if (serial === null) return true;
    const index = ClipboardSelection[selection];
    const expected = this.#serials[index]!;
    if (serial === expected) {
      this.#serials[index] = (expected + 1) >>> 0;
      return true;
    }
    return this.#role === "guest" && serial === (expected - 1) >>> 0;
  }

  #offered(selection: ClipboardSelectionName, formats: readonly ClipboardFormat[]): void {
    this.#theirs[ClipboardSelection[selection]] = formats;
    this.#outlet.tell({ name: "clipboard-offer", selection, formats });
  }

  #requested(selection: ClipboardSelectionName, type: number): void {
    const format = formatName(type);
    const offered = this.#ours[ClipboardSelection[selection]]!;
    if (format === null || !offered.includes(format) || this.#wanted.length >= wantedMax) {
      if (this.#shares(selection)) this.#send(selection, ClipboardType.NONE, new Uint8Array(0));
      return;
    }
    this.#wanted.push({ selection, format });
    this.#outlet.tell({ name: "clipboard-request", selection, format });
  }

  #received(selection: ClipboardSelectionName, type: number, data: Uint8Array): void {
    const format = formatName(type);
    // Who has nothing answers so without saying which request it means.
    const index = this.#asked.findIndex((want) => {
      return want.selection === selection && (format === null || want.format === format);
    });
    const want = this.#asked[index];
    if (want === undefined) return;
    this.#asked.splice(index, 1);
    if (format === null) this.#answer(want, null, "none");
    else if (format !== "UTF8_TEXT" || this.#role === "guest") this.#answer(want, data, null);
    else this.#answer(want, textFor(data, "lf"), null);
  }

  #answer(want: ClipboardWant, data: Uint8Array | null, failure: ClipboardFailure | null): void {
    this.#outlet.tell({ name: "clipboard-data", ...want, data, failure });
  }

  #send(selection: ClipboardSelectionName, type: number, data: Uint8Array): void {
    const body = { selection: this.#wireSelection(selection), type, data } as const;
    this.#outlet.say({ name: "CLIPBOARD", body: body as ClipboardMessage["body"] } as never);
  }
}

function isSame(a: ClipboardWant, b: ClipboardWant): boolean {
  return a.selection === b.selection && a.format === b.format;
}

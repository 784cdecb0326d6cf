// Listens to what a server says on the main channel, on its way to the client. Messages that name
// the target of a migration are held until they are whole and leave with another name in them; all
// others pass as they come, in the pieces in which they come.

import { ProtocolError } from "@caraway/channel";
import {
  dataHeaderCodec,
  dataHeaderSize,
  mainCodec,
  miniDataHeaderCodec,
  miniDataHeaderSize,
} from "@caraway/protocol";
import { WireError } from "@caraway/wire";

/** How a target is named: address and ports, as in DstInfo. */
export interface Destination {
  readonly port: number;
  readonly sport: number;
  readonly host: string;
  readonly certSubject: string;
}

export interface MainTapOwner {
  /** MAIN INIT: later links of this SPICE session carry this id. */
  sessionBegan(sessionId: number): void;
  /** What the client reads in place of the target that its server named. */
  targetNamed(destination: Destination, message: string): Destination;
  /** MIGRATE_CANCEL: the target is none any more. */
  targetsRevoked(): void;
}

const id = {
  list: 8,
  migrateBegin: 101,
  migrateCancel: 102,
  init: 103,
  migrateSwitchHost: 111,
  migrateBeginSeamless: 116,
} as const;

/** Bodies that are held are a few numbers, a host name and a subject. */
const heldSizeMax = 8192;

interface Header {
  readonly serial: bigint;
  readonly type: number;
  readonly size: number;
}

type State =
  /** `filled` bytes of the next header are there. */
  | { readonly kind: "header"; filled: number }
  | { readonly kind: "passing"; left: number }
  | {
      readonly kind: "holding";
      readonly header: Header;
      readonly body: Uint8Array;
      filled: number;
    };

export class MainTap {
  readonly #miniHeader: boolean;
  readonly #owner: MainTapOwner;
  readonly #header: Uint8Array;
  #state: State = { kind: "header", filled: 0 };

  constructor(miniHeader: boolean, owner: MainTapOwner) {
    this.#miniHeader = miniHeader;
    this.#owner = owner;
    this.#header = new Uint8Array(miniHeader ? miniDataHeaderSize : dataHeaderSize);
  }

  snapshot(): unknown {
    return this.#state.kind;
  }

  /**
   * Takes the server's next bytes and gives what the client is to have of it so far: views into
   * the same bytes where nothing is changed. Throws ProtocolError when the server says something
   * that cannot be let through.
   */
  push(bytes: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    /** What passes and is not in a piece yet begins here. */
    let from = 0;
    let at = 0;
    const flush = (end: number): void => {
      if (end > from) pieces.push(bytes.subarray(from, end));
    };
    while (at < bytes.length) {
      const state = this.#state;
      const rest = bytes.length - at;
      if (state.kind === "header") {
        const start = at;
        const withheld = state.filled;
        const count = Math.min(this.#header.length - withheld, rest);
        this.#header.set(bytes.subarray(at, at + count), withheld);
        state.filled += count;
        at += count;
        if (state.filled < this.#header.length) {
          flush(start);
          from = at;
          continue;
        }
        this.#begin();
        if (this.#state.kind === "holding") {
          flush(start);
          from = at;
          this.#finishHeld(pieces);
        } else if (withheld > 0) {
          pieces.push(this.#header.slice(0, withheld));
        }
      } else if (state.kind === "passing") {
        const count = Math.min(state.left, rest);
        state.left -= count;
        at += count;
        if (state.left === 0) this.#state = { kind: "header", filled: 0 };
      } else {
        const count = Math.min(state.body.length - state.filled, rest);
        state.body.set(bytes.subarray(at, at + count), state.filled);
        state.filled += count;
        at += count;
        from = at;
        this.#finishHeld(pieces);
      }
    }
    flush(bytes.length);
    return pieces;
  }

  /** The header is there. */
  #begin(): void {
    const header = this.#readHeader();
    if (!isHeld(header.type)) {
      this.#state =
        header.size === 0 ? { kind: "header", filled: 0 } : { kind: "passing", left: header.size };
      return;
    }
    if (header.size > heldSizeMax) {
      throw refused(header.type, `${header.size} bytes, at most ${heldSizeMax} are allowed`);
    }
    this.#state = { kind: "holding", header, body: new Uint8Array(header.size), filled: 0 };
  }

  #readHeader(): Header {
    if (this.#miniHeader) {
      const { type, size } = miniDataHeaderCodec.decode(this.#header);
      // Sub-messages could name a target without being seen; no server has any on this channel.
      if (type === id.list) throw refused(type, "sub-messages are not let through");
      return { serial: 0n, type, size };
    }
    const { serial, type, size, subList } = dataHeaderCodec.decode(this.#header);
    if (type === id.list || subList !== 0) throw refused(type, "sub-messages are not let through");
    return { serial, type, size };
  }

  #finishHeld(pieces: Uint8Array[]): void {
    const state = this.#state;
    if (state.kind !== "holding" || state.filled < state.body.length) return;
    this.#state = { kind: "header", filled: 0 };
    const { header, body } = state;
    const passed = this.#replace(header.type, body);
    pieces.push(this.#writeHeader({ ...header, size: passed.length }), passed);
  }

  /** The body that the client is to have in place of this one. */
  #replace(type: number, body: Uint8Array): Uint8Array {
    const message = decode(type, body);
    switch (message?.name) {
      case "INIT":
        this.#owner.sessionBegan(message.body.sessionId);
        return body;
      case "MIGRATE_CANCEL":
        this.#owner.targetsRevoked();
        return body;
      case "MIGRATE_BEGIN": {
        const dstInfo = this.#owner.targetNamed(message.body.dstInfo, message.name);
        return mainCodec.server.encode({ ...message, body: { ...message.body, dstInfo } }).body;
      }
      case "MIGRATE_BEGIN_SEAMLESS": {
        const dstInfo = this.#owner.targetNamed(message.body.dstInfo, message.name);
        return mainCodec.server.encode({ ...message, body: { ...message.body, dstInfo } }).body;
      }
      case "MIGRATE_SWITCH_HOST": {
        const named = this.#owner.targetNamed(message.body, message.name);
        return mainCodec.server.encode({ ...message, body: named }).body;
      }
      default:
        throw refused(type, "it is not one of those that are held");
    }
  }

  #writeHeader({ serial, type, size }: Header): Uint8Array {
    return this.#miniHeader
      ? miniDataHeaderCodec.encode({ type, size })
      : dataHeaderCodec.encode({ serial, type, size, subList: 0 });
  }
}

function isHeld(type: number): boolean {
  switch (type) {
    case id.migrateBegin:
    case id.migrateCancel:
    case id.init:
    case id.migrateSwitchHost:
    case id.migrateBeginSeamless:
      return true;
    default:
      return false;
  }
}

function decode(type: number, body: Uint8Array) {
  try {
    return mainCodec.server.decode(type, body);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const message = `message ${type}`;
    throw new ProtocolError("BAD_MESSAGE", "main 0", message, error.message, error);
  }
}

function refused(type: number, detail: string): ProtocolError {
  return new ProtocolError("BAD_MESSAGE", "main 0", `message ${type}`, detail);
}

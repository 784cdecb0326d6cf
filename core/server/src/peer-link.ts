// The server's end of the peer link: messages to bytes and back. Whoever carries the bytes keeps
// their order and answers for who is at the other end.

import { FrameReader, FrameWriter, ProtocolError } from "@caraway/channel";
import {
  type ChannelId as ChannelIdSchema,
  MouseButtonMask,
  PeerInput,
  peerCodec,
  type peerMessages,
} from "@caraway/protocol";
import { CarawayError, type Infer, type MessageOf, WireError } from "@caraway/wire";
import { type ChannelId, channelNameOf, channelTypeOf } from "./channel-name.ts";
import type { GateInput } from "./guest-gate.ts";
import type { Wiring } from "./wiring.ts";

export type PeerMessage = MessageOf<typeof peerMessages>;

/** The largest is the content of a GLZ window. */
const messageSizeMax = 64 << 20;

const label = "peer link";

export class PeerLink {
  readonly #wiring: Wiring;
  /** null: what came made no sense, and nothing more is read. */
  #reader: FrameReader | null = newReader();
  #writer = new FrameWriter(true, 1n);

  constructor(wiring: Wiring) {
    this.#wiring = wiring;
  }

  /** Another link, or the same one for another move: nothing is left of what was there. */
  begin(): void {
    this.#reader = newReader();
    this.#writer = new FrameWriter(true, 1n);
  }

  send(message: PeerMessage): number {
    const bytes = this.#writer.write(peerCodec.encode(message));
    this.#wiring.peer(bytes);
    return bytes.length;
  }

  received(bytes: Uint8Array, take: (message: PeerMessage) => void): void {
    this.#reader?.push(bytes);
    try {
      for (let frame = this.#reader?.next(); frame != null; frame = this.#reader?.next()) {
        take(decode(frame.id, frame.body));
      }
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.#reader = null;
      this.#wiring.event({ name: "peer-fault", error });
    }
  }
}

function newReader(): FrameReader {
  return new FrameReader({
    channel: label,
    miniHeader: true,
    bodySizeMax: messageSizeMax,
    firstSerial: 1n,
    listFrames: false,
  });
}

function decode(id: number, body: Uint8Array): PeerMessage {
  try {
    const message = peerCodec.decode(id, body);
    if (message !== null) return message;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new ProtocolError("BAD_MESSAGE", label, `message ${id}`, error.message, error);
  }
  throw new ProtocolError("UNKNOWN_MESSAGE", label, `message ${id}`, "not known");
}

type WireChannel = Infer<typeof ChannelIdSchema>;

export function wireChannel({ name, id }: ChannelId): WireChannel {
  return { type: channelTypeOf(name), id };
}

/** @throws ProtocolError for a type that is none. */
export function channelOfWire({ type, id }: WireChannel): ChannelId {
  const name = channelNameOf(type);
  if (name !== null) return { name, id };
  throw new ProtocolError("BAD_MESSAGE", label, "channel", `type ${type} is not known`);
}

/** What was for the guest, as the link has it. */
export function inputMessage(input: GateInput): PeerMessage {
  const none = { a: 0, b: 0, c: 0, buttons: 0 };
  const held = (body: Omit<Extract<PeerMessage, { name: "HELD_INPUT" }>["body"], never>) => {
    return { name: "HELD_INPUT", body } as const;
  };
  switch (input.type) {
    case "key":
      return held({ ...none, kind: PeerInput.KEY, a: input.code, b: input.down ? 1 : 0 });
    case "mouse-motion": {
      const { dx, dy, buttons } = input;
      return held({ ...none, kind: PeerInput.MOUSE_MOTION, a: dx, b: dy, buttons });
    }
    case "tablet-position": {
      const { display, x, y, buttons } = input;
      return held({ kind: PeerInput.TABLET_POSITION, a: display, b: x, c: y, buttons });
    }
    case "buttons":
      return held({ ...none, kind: PeerInput.BUTTONS, buttons: input.buttons });
    case "wheel":
      return held({ ...none, kind: PeerInput.WHEEL, a: input.steps, buttons: input.buttons });
    case "monitors-wish":
      return { name: "HELD_MONITORS", body: { monitors: input.monitors.slice(0, 255) } };
  }
}

/** The same, the other way. */
export function inputOf(
  message: Extract<PeerMessage, { readonly name: "HELD_INPUT" | "HELD_MONITORS" }>,
): GateInput {
  if (message.name === "HELD_MONITORS") {
    return { type: "monitors-wish", monitors: message.body.monitors };
  }
  const { kind, a, b, c } = message.body;
  const buttons = message.body.buttons & allButtons;
  switch (kind) {
    case PeerInput.KEY:
      return { type: "key", code: a, down: b !== 0 };
    case PeerInput.MOUSE_MOTION:
      return { type: "mouse-motion", dx: a, dy: b, buttons };
    case PeerInput.TABLET_POSITION:
      return { type: "tablet-position", display: a, x: b, y: c, buttons };
    case PeerInput.BUTTONS:
      return { type: "buttons", buttons };
    case PeerInput.WHEEL:
      return { type: "wheel", steps: a < 0 ? -1 : 1, buttons };
  }
}

const allButtons = Object.values(MouseButtonMask).reduce((all, bit) => all | bit, 0);

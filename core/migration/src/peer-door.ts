// The first words on a link that somebody made to us: which move it is about. The rest of the link
// belongs to that move.

import { ByteQueue } from "@caraway/channel";
import { type EncodedMessage, WireError } from "@caraway/wire";
import {
  MoveVerdict,
  moveVersion,
  peerBodyMax,
  peerHeaderCodec,
  peerHeaderSize,
  type SourceMessage,
  sourceCodec,
  targetCodec,
} from "./peer-messages.ts";
import { violation } from "./server-stream.ts";

type Greeting<N extends SourceMessage["name"]> = Extract<
  SourceMessage,
  { readonly name: N }
>["body"];

export type DoorFinding =
  /** Make a `TargetMove` of it; `rest` are bytes that came behind it. */
  | {
      readonly kind: "prepare";
      readonly move: string;
      readonly description: Uint8Array;
      readonly rest: Uint8Array;
    }
  /** Hand it to the `TargetMove` of that name by `resume`, or answer `unknownMove`. */
  | {
      readonly kind: "resolve";
      readonly move: string;
      readonly question: Pick<Greeting<"RESOLVE">, "stage" | "seen">;
      readonly rest: Uint8Array;
    }
  /** Connect it with the hypervisor that awaits the guest of this move. */
  | { readonly kind: "stream"; readonly move: string; readonly rest: Uint8Array };

export class PeerDoor {
  readonly #received = new ByteQueue();

  /** What was said, or null while it is not complete. @throws MoveError: close the connection. */
  push(bytes: Uint8Array): DoorFinding | null {
    this.#received.push(bytes);
    const head = this.#received.peek(peerHeaderSize);
    if (head === null) return null;
    const { type, size } = peerHeaderCodec.decode(head);
    if (size > peerBodyMax) throw violation(`a message of ${size} bytes`);
    if (this.#received.size < peerHeaderSize + size) return null;
    this.#received.take(peerHeaderSize);
    const message = decode(type, this.#received.take(size)!);
    const rest = this.#received.takeAll();
    if (message === null || !("move" in message.body)) {
      throw violation("it does not say which move it is about");
    }
    const { version } = message.body;
    if (version !== moveVersion)
      throw violation(`it speaks version ${version}, not ${moveVersion}`);
    const move = moveName(message.body.move);
    if ("stage" in message.body) {
      const { stage, seen } = message.body;
      return { kind: "resolve", move, question: { stage, seen }, rest };
    }
    if (!("description" in message.body)) return { kind: "stream", move, rest };
    return { kind: "prepare", move, description: message.body.description.slice(), rest };
  }
}

/** The first words on a link that carries what hypervisors say to each other. */
export function streamGreeting(move: Uint8Array): Uint8Array {
  return frame(sourceCodec.encode({ name: "STREAM", body: { version: moveVersion, move } }));
}

function frame({ id, body }: EncodedMessage): Uint8Array {
  const header = peerHeaderCodec.encode({ type: id, size: body.length });
  return Uint8Array.from([...header, ...body]);
}

function decode(type: number, body: Uint8Array): SourceMessage | null {
  try {
    return sourceCodec.decode(type, body);
  } catch (error) {
    throw error instanceof WireError ? violation(error.message) : error;
  }
}

/** What to send, before the connection is closed, when nobody here knows the move. */
export function unknownMove(): Uint8Array {
  const body = { verdict: MoveVerdict.UNKNOWN, seen: 0 };
  return frame(targetCodec.encode({ name: "RESOLVED", body }));
}

/** The id of a move as text: lower-case hexadecimal. */
export function moveName(id: Uint8Array): string {
  return Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

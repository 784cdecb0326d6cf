// The first words on a link that somebody made to us: which move it is about. The rest of the link
// belongs to that move.

import { ByteQueue } from "@caraway/channel";
import { WireError } from "@caraway/wire";
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
    };

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
    if (message?.name !== "PREPARE" && message?.name !== "RESOLVE") {
      throw violation("it does not say which move it is about");
    }
    const { version } = message.body;
    if (version !== moveVersion)
      throw violation(`it speaks version ${version}, not ${moveVersion}`);
    const move = moveName(message.body.move);
    if (message.name === "RESOLVE") {
      const { stage, seen } = message.body;
      return { kind: "resolve", move, question: { stage, seen }, rest };
    }
    return { kind: "prepare", move, description: message.body.description.slice(), rest };
  }
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
  const { id, body: encoded } = targetCodec.encode({ name: "RESOLVED", body });
  const header = peerHeaderCodec.encode({ type: id, size: encoded.length });
  return Uint8Array.from([...header, ...encoded]);
}

/** The id of a move as text: lower-case hexadecimal. */
export function moveName(id: Uint8Array): string {
  return Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

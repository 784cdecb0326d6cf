// What a host and a keeper say to each other over the keeper's socket, which only their user
// reaches: structured clones, each behind its size (u32, little endian).

import type { Socket } from "node:net";
import { deserialize, serialize } from "node:v8";
import type { QemuMoveParameters, QemuMoveProgress, QemuPostcopyState } from "@caraway/qemu";
import type { GuestInput, GuestOutput } from "@caraway/server";

/** What a host may ask for, and what it is answered. */
export interface KeeperCalls {
  /** Describe the guest; its outputs follow. Whoever was attached before is sent away. */
  attach: { readonly body: null; readonly answer: { readonly isRunning: boolean } };
  /**
   * Describe the guest, which stands still, to a host that may take it: until `take`, it is still
   * the other host's, and what this one says to it waits.
   */
  peek: { readonly body: null; readonly answer: null };
  take: { readonly body: null; readonly answer: null };
  /** Await the VM on the socket `incoming`, or where QEMU is told to. */
  listen: {
    readonly body: { readonly uri: string | null; readonly postcopy: boolean };
    readonly answer: null;
  };
  /** The way on which the rest of its memory came is lost: await it on `incoming` again. */
  listenAgain: { readonly body: null; readonly answer: null };
  /** Resolves when it has come; takes what came beside it. */
  arrive: { readonly body: Uint8Array; readonly answer: null };
  /** Send the VM through the socket `outgoing`, or elsewhere; gives what is to go beside it. */
  send: {
    readonly body: { readonly uri: string | null; readonly parameters: QemuMoveParameters };
    readonly answer: {
      readonly leftovers: Uint8Array;
      readonly downtimeMs: number;
      /** The rest of its memory goes on being sent: `postcopy` tells. */
      readonly isPostcopy: boolean;
    };
  };
  /** The same way is lost: send the rest through `outgoing` again. */
  sendAgain: { readonly body: null; readonly answer: null };
  /** Call off `send`: the VM is free to run here. */
  cancel: { readonly body: null; readonly answer: null };
  /** End the VM, and the keeper with it. */
  end: { readonly body: null; readonly answer: null };
}

export type KeeperCall = keyof KeeperCalls;

export type FromHost =
  | { readonly kind: "input"; readonly input: GuestInput }
  | {
      readonly kind: "call";
      readonly id: number;
      readonly name: KeeperCall;
      readonly body: unknown;
    };

export type FromKeeper =
  | { readonly kind: "output"; readonly output: Exclude<GuestOutput, { type: "ended" }> }
  /** The VM is over: QEMU's words, or null where it was shut down. */
  | { readonly kind: "ended"; readonly error: string | null }
  | { readonly kind: "progress"; readonly progress: QemuMoveProgress }
  | {
      readonly kind: "postcopy";
      readonly state: QemuPostcopyState;
      readonly detail: string | null;
    }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "refusal"; readonly id: number; readonly error: string };

const headSize = 4;
/** Whole pictures are the largest that there is. */
const frameMax = 1 << 30;

export function writeFrame(socket: Socket, frame: FromHost | FromKeeper): void {
  const body = serialize(frame);
  const head = Buffer.alloc(headSize);
  head.writeUInt32LE(body.length);
  socket.cork();
  socket.write(head);
  socket.write(body);
  socket.uncork();
}

/** Calls `take` with each frame; destroys the socket when there cannot be one. */
export function readFrames<F>(socket: Socket, take: (frame: F) => void): void {
  let chunks: Buffer[] = [];
  let size = 0;
  let wanted = headSize;
  let isHead = true;
  socket.on("data", (bytes: Buffer) => {
    chunks.push(bytes);
    size += bytes.length;
    while (size >= wanted && !socket.destroyed) {
      const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const part = all.subarray(0, wanted);
      const rest = all.subarray(wanted);
      chunks = rest.length > 0 ? [rest] : [];
      size = rest.length;
      if (isHead) {
        wanted = part.readUInt32LE();
        if (wanted > frameMax) socket.destroy();
      } else {
        wanted = headSize;
        take(deserialize(part) as F);
      }
      isHead = !isHead;
    }
  });
}

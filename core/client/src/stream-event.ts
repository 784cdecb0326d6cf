// What an embedder hears of the guest's byte streams (usbredir, port, webdav) and smartcard reader,
// and what it may do with them.

import type { ChannelName } from "./channel-name.ts";

/**
 * One life of a stream, from `stream-opened` to `stream-closed`; never used twice in a session. It
 * goes on through a seamless migration.
 */
export type StreamKey = number;

/** Channels that are streams. */
export const streamNames = ["usbredir", "port", "webdav", "smartcard"] as const;
export type StreamChannelName = (typeof streamNames)[number];

export function isStreamName(name: ChannelName): name is StreamChannelName {
  return (streamNames as readonly ChannelName[]).includes(name);
}

/** What happens at the guest's end of a port. */
export type PortSignal = "opened" | "closed" | "break";

/** A VSC message of the smartcard channel, as `VscMessageType` has the types. */
export interface CardMessage {
  readonly type: number;
  readonly readerId: number;
  readonly data: Uint8Array;
}

export type StreamEvent =
  | {
      readonly name: "stream-opened";
      readonly stream: StreamKey;
      readonly channel: StreamChannelName;
      readonly id: number;
      /** A port's name; null where streams have none. */
      readonly portName: string | null;
      /** Whether the guest has its end open, where that is known. */
      readonly guestOpen: boolean;
    }
  /** Answer with `stream-taken`: what was not taken is bounded, and slows the guest down. */
  | { readonly name: "stream-data"; readonly stream: StreamKey; readonly bytes: Uint8Array }
  /** Counts as its data with `cardMessageBytes` more. */
  | { readonly name: "stream-card"; readonly stream: StreamKey; readonly message: CardMessage }
  | { readonly name: "stream-signal"; readonly stream: StreamKey; readonly signal: PortSignal }
  /** So many bytes of what was sent are on their way, and no longer in the queue. */
  | { readonly name: "stream-sent"; readonly stream: StreamKey; readonly bytes: number }
  /** What was not sent is dropped. The channel may be opened again, as a new stream. */
  | { readonly name: "stream-closed"; readonly stream: StreamKey };

/** Bytes that a message of a card counts for beside its data. */
export const cardMessageBytes = 12;

/** A command for a stream that is closed does nothing. */
export type StreamCommand =
  /** The bytes belong to the session from then on. Who bounds the queue counts `stream-sent`. */
  | { readonly name: "stream-send"; readonly stream: StreamKey; readonly bytes: Uint8Array }
  | { readonly name: "stream-send-card"; readonly stream: StreamKey; readonly message: CardMessage }
  | { readonly name: "stream-send-signal"; readonly stream: StreamKey; readonly signal: PortSignal }
  /** So many bytes of what came were used. */
  | { readonly name: "stream-taken"; readonly stream: StreamKey; readonly bytes: number };

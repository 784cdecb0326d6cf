// Codecs by channel, for code that goes over all channels: messages of both directions, and the
// migration data of the channels that have some.

import {
  type ChannelType,
  cursorCodec,
  displayCodec,
  displayMigrationDataCodec,
  inputsCodec,
  inputsMigrationDataCodec,
  mainCodec,
  mainMigrationDataCodec,
  playbackCodec,
  portCodec,
  recordCodec,
  smartcardCodec,
  smartcardMigrationDataCodec,
  spicevmcMigrationDataCodec,
  usbredirCodec,
  webdavCodec,
} from "@caraway/protocol";
import type { Context, MessageCodec, StructCodec } from "@caraway/wire";

export interface AnyMessage {
  readonly name: string;
  readonly body: unknown;
}

/** A codec whose messages are told apart at run time only. */
export interface AnyCodec {
  decode(id: number, body: Uint8Array, context?: Context): AnyMessage | null;
  /** Takes what `decode` of the same codec gave. */
  encode(
    message: AnyMessage,
    context?: Context,
  ): { readonly id: number; readonly body: Uint8Array };
}

export interface AnyStructCodec {
  decode(bytes: Uint8Array, context?: Context): unknown;
  encode(value: unknown, context?: Context): Uint8Array;
}

/** A key of `ChannelType` whose channel has messages. */
export type ChannelName = Exclude<keyof typeof ChannelType, "TUNNEL">;

function any<M extends AnyMessage>(codec: MessageCodec<M>): AnyCodec {
  return {
    decode: codec.decode,
    encode: (message, context) => codec.encode(message as M, context),
  };
}

function both<S extends AnyMessage, C extends AnyMessage>(codec: {
  readonly server: MessageCodec<S>;
  readonly client: MessageCodec<C>;
}) {
  return { server: any(codec.server), client: any(codec.client) };
}

function anyStruct<T>(codec: StructCodec<T>): AnyStructCodec {
  return {
    decode: codec.decode,
    encode: (value, context) => codec.encode(value as T, context),
  };
}

export const channelCodecs: Readonly<
  Record<ChannelName, { readonly server: AnyCodec; readonly client: AnyCodec }>
> = {
  MAIN: both(mainCodec),
  DISPLAY: both(displayCodec),
  INPUTS: both(inputsCodec),
  CURSOR: both(cursorCodec),
  PLAYBACK: both(playbackCodec),
  RECORD: both(recordCodec),
  SMARTCARD: both(smartcardCodec),
  USBREDIR: both(usbredirCodec),
  PORT: both(portCodec),
  WEBDAV: both(webdavCodec),
};

export const migrationDataCodecs: Readonly<Partial<Record<ChannelName, AnyStructCodec>>> = {
  MAIN: anyStruct(mainMigrationDataCodec),
  DISPLAY: anyStruct(displayMigrationDataCodec),
  INPUTS: anyStruct(inputsMigrationDataCodec),
  SMARTCARD: anyStruct(smartcardMigrationDataCodec),
  USBREDIR: anyStruct(spicevmcMigrationDataCodec),
  PORT: anyStruct(spicevmcMigrationDataCodec),
  WEBDAV: anyStruct(spicevmcMigrationDataCodec),
};

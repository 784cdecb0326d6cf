// Channels that are byte streams, for the server that goes on with them. MIGRATE_DATA, both written
// and read: what a source has of the client's that the guest has not taken, and of the guest's that
// is no whole message yet. And over the peer link, counts that prove it.

import {
  channelStateVersion,
  MigrationMagic,
  migrationVersion,
  StreamStateFlag,
  smartcardMigrationDataCodec,
  spicevmcMigrationDataCodec,
  streamStateCodec,
} from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import type { ChannelEnd } from "./channel-end.ts";

/** Stands for tokens on channels that have none. */
const unlimited = 0xffffffff;

function charDevice(queued: Uint8Array) {
  return {
    version: migrationVersion,
    deviceVersion: 1,
    connected: 1,
    numClientTokens: unlimited,
    numSendTokens: unlimited,
    writeNumClientTokens: 0,
    writeData: queued,
  };
}

export function packVmcState(queued: Uint8Array): Uint8Array {
  const { SPICEVMC: magic } = MigrationMagic;
  return spicevmcMigrationDataCodec.encode({ magic, ...charDevice(queued) });
}

/** What waited for the guest. */
export function unpackVmcState(end: ChannelEnd, body: Uint8Array): Uint8Array {
  const state = decode(end, () => spicevmcMigrationDataCodec.decode(body));
  return checkDevice(end, state, MigrationMagic.SPICEVMC).writeData;
}

export function packCardState(
  queued: Uint8Array,
  hasReader: boolean,
  partial: Uint8Array,
): Uint8Array {
  const { SMARTCARD: magic } = MigrationMagic;
  const readerAdded = hasReader ? 1 : 0;
  return smartcardMigrationDataCodec.encode({
    magic,
    ...charDevice(queued),
    readerAdded,
    readData: partial,
  });
}

export interface CardState {
  readonly queued: Uint8Array;
  readonly hasReader: boolean;
  /** Of the guest's message that is not whole. */
  readonly partial: Uint8Array;
}

export function unpackCardState(end: ChannelEnd, body: Uint8Array): CardState {
  const state = decode(end, () => smartcardMigrationDataCodec.decode(body));
  const { writeData } = checkDevice(end, state, MigrationMagic.SMARTCARD);
  return { queued: writeData, hasReader: state.readerAdded !== 0, partial: state.readData };
}

/** A stream's channel between two of our servers. */
export interface MovedStream {
  /** The client has its end open. */
  readonly isOpen: boolean;
  /** Of the guest's, sent to the client, over all servers. */
  readonly sentBytes: bigint;
  /** Of the client's, that came, and of them those that the guest has. */
  readonly receivedBytes: bigint;
  readonly writtenBytes: bigint;
}

export function encodeStreamState(moved: MovedStream): Uint8Array {
  const { isOpen, ...counts } = moved;
  const flags = isOpen ? StreamStateFlag.OPEN : 0;
  return streamStateCodec.encode({ version: channelStateVersion, flags, ...counts });
}

/** @throws WireError when no server of ours would have sent it. */
export function decodeStreamState(bytes: Uint8Array): MovedStream {
  const { flags, sentBytes, receivedBytes, writtenBytes } = streamStateCodec.decode(bytes);
  const isOpen = (flags & StreamStateFlag.OPEN) !== 0;
  return { isOpen, sentBytes, receivedBytes, writtenBytes };
}

interface DeviceState {
  readonly magic: number;
  readonly version: number;
  readonly deviceVersion: number;
  readonly connected: number;
  readonly writeData: Uint8Array;
}

function checkDevice(end: ChannelEnd, state: DeviceState, magic: number): DeviceState {
  const { version, deviceVersion, connected, writeData } = state;
  if (state.magic !== magic) throw wrong(end, "it is not of this kind of channel");
  if (version !== migrationVersion || deviceVersion !== 1) throw wrong(end, "its version is other");
  if (connected > 1) throw wrong(end, "a flag is neither set nor clear");
  if (connected === 0 && writeData.length > 0) throw wrong(end, "nobody left bytes for the guest");
  return state;
}

function decode<T>(end: ChannelEnd, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CarawayError)) throw error;
    throw wrong(end, error.message);
  }
}

function wrong(end: ChannelEnd, detail: string): CarawayError {
  return end.unexpected("MIGRATE_DATA", detail);
}

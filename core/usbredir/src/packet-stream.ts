// One end of a usbredir connection as packets: writes ours, and makes packets of the peer's bytes.
// It knows what both ends can, which decides how packets are laid out.

import { ByteQueue } from "@caraway/channel";
import {
  type Context,
  decodeFields,
  decodeUtf8,
  encodeFields,
  encodeUtf8,
  interpretMessages,
  joinBytes,
  WireError,
} from "@caraway/wire";
import { UsbredirCapability } from "./constants.ts";
import { packetFault, type UsbredirRole } from "./packet-rules.ts";
import {
  eitherPackets,
  guestPackets,
  hostPackets,
  LongPacketHeader,
  layouts,
  type Packet,
  type PacketBody,
  PacketHeader,
  type PacketName,
} from "./packets.ts";
import { UsbredirError } from "./usbredir-error.ts";

export interface PacketStreamOptions {
  readonly role: UsbredirRole;
  /** Who we are; 63 bytes at most count. */
  readonly version: string;
  readonly capabilities: readonly UsbredirCapability[];
  /** Bytes of a packet's body that are taken. Default 16 MiB and a little. */
  readonly bodySizeMax?: number;
  /** Goes on where another one was saved; our HELLO was said. */
  readonly saved?: SavedPacketStream;
}

/** A connection in the middle of its bytes, for an end that moves. */
export interface SavedPacketStream {
  readonly peer: { readonly version: string; readonly capabilities: readonly number[] } | null;
  /** Bytes of the peer's that are no whole packet yet. */
  readonly waiting: Uint8Array;
  /** Bytes to come of a packet that is refused. */
  readonly toSkip: number;
}

/** What the peer said of itself. */
export interface Hello {
  readonly version: string;
  readonly capabilities: ReadonlySet<number>;
}

const headerSize = 12;
const longHeaderSize = 16;
const versionSize = 64;
const defaultBodySizeMax = (16 << 20) + 1024;

const fromHost = interpretMessages([...eitherPackets, ...hostPackets]);
const fromGuest = interpretMessages([...eitherPackets, ...guestPackets]);

const openEnded: ReadonlySet<string> = new Set<PacketName>([
  "HELLO",
  "FILTER_FILTER",
  "CONTROL_PACKET",
  "BULK_PACKET",
  "ISO_PACKET",
  "INTERRUPT_PACKET",
  "BUFFERED_BULK_PACKET",
]);

interface Header {
  readonly type: number;
  readonly length: number;
  readonly id: bigint;
}

export class PacketStream {
  readonly #role: UsbredirRole;
  readonly #version: string;
  readonly #ours: ReadonlySet<number>;
  readonly #bodySizeMax: number;
  readonly #input = new ByteQueue();
  #peer: Hello | null = null;
  /** Of the packet whose body is awaited. */
  #header: Header | null = null;
  /** Of a packet that is refused. */
  #toSkip = 0;
  #context: Context = new Set();

  constructor({ role, version, capabilities, bodySizeMax, saved }: PacketStreamOptions) {
    this.#role = role;
    this.#version = version;
    this.#ours = usable(new Set(capabilities));
    this.#bodySizeMax = bodySizeMax ?? defaultBodySizeMax;
    if (saved === undefined) return;
    if (saved.peer !== null) this.#know(saved.peer.version, new Set(saved.peer.capabilities));
    this.#toSkip = saved.toSkip;
    this.#input.push(saved.waiting);
  }

  /** The peer's HELLO; before it, nothing but our own may be sent. */
  get peer(): Hello | null {
    return this.#peer;
  }

  /** Whether both ends have it. */
  both(capability: UsbredirCapability): boolean {
    return this.#ours.has(capability) && this.#peer?.capabilities.has(capability) === true;
  }

  /** Our HELLO, which goes first. */
  hello(): Uint8Array {
    const version = new Uint8Array(versionSize);
    version.set(encodeUtf8(this.#version).subarray(0, versionSize - 1));
    const capabilities = new Uint8Array(4);
    let word = 0;
    for (const bit of this.#ours) word |= 1 << bit;
    new DataView(capabilities.buffer).setUint32(0, word >>> 0, true);
    const body = encodeFields(eitherPackets[0], { version, capabilities });
    // It is said before it is known how long ids are.
    return joinBytes([encodeFields(PacketHeader, { type: 0, length: body.length, id: 0 }), body]);
  }

  /**
   * @throws UsbredirError BAD_SEND when the peer may not get such a packet, or its numbers are
   * out of range.
   */
  write({ id, ...packet }: Packet): Uint8Array {
    const peer = this.#peer;
    if (peer === null)
      throw new UsbredirError("BAD_SEND", `${packet.name} before the peer's HELLO`);
    const fault = packetFault(packet, this.#role, (capability) =>
      peer.capabilities.has(capability),
    );
    if (fault !== null) throw new UsbredirError("BAD_SEND", `${packet.name}: ${fault}`);
    const codec = this.#role === "host" ? fromHost : fromGuest;
    try {
      const { id: type, body } = codec.encode(this.#fitted(packet) as never, this.#context);
      return this.#frame({ type, length: body.length, id }, body);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new UsbredirError("BAD_SEND", error.message, { cause: error });
    }
  }

  push(bytes: Uint8Array): void {
    this.#input.push(bytes);
  }

  /**
   * The next packet of the peer's, or null until more bytes come.
   *
   * @throws UsbredirError when there is one that makes no sense; the next call goes on behind it.
   */
  next(): Packet | null {
    if (!this.#skip()) return null;
    this.#header ??= this.#readHeader();
    const header = this.#header;
    if (header === null || this.#input.size < header.length) return null;
    const body = this.#input.take(header.length)!;
    this.#header = null;
    return this.#decode(header, body);
  }

  /** Call it when `next` has given all that there was. */
  save(): SavedPacketStream {
    const peer = this.#peer && {
      version: this.#peer.version,
      capabilities: [...this.#peer.capabilities],
    };
    const header = this.#header;
    const waiting = this.#input.peek(this.#input.size)!;
    const before = header === null ? waiting : joinBytes([this.#headerBytes(header), waiting]);
    return { peer, waiting: before, toSkip: this.#toSkip };
  }

  snapshot(): unknown {
    return {
      peer: this.#peer === null ? null : [...this.#peer.capabilities],
      waiting: this.#input.size,
      header: this.#header,
      toSkip: this.#toSkip,
    };
  }

  get #hasLongIds(): boolean {
    return this.both(UsbredirCapability.IDS_64BITS);
  }

  #frame(header: Header, body: Uint8Array): Uint8Array {
    return joinBytes([this.#headerBytes(header), body]);
  }

  #headerBytes({ type, length, id }: Header): Uint8Array {
    if (this.#hasLongIds) return encodeFields(LongPacketHeader, { type, length, id });
    if (id > 0xffffffffn) throw new UsbredirError("BAD_SEND", `id ${id} of 32 bits`);
    return encodeFields(PacketHeader, { type, length, id: Number(id) });
  }

  /** Leaves out what the peer's layout does not have. */
  #fitted(packet: PacketBody): PacketBody {
    switch (packet.name) {
      case "DEVICE_CONNECT": {
        const { deviceVersionBcd } = packet.body;
        return this.#without(packet, layouts.deviceVersion, { deviceVersionBcd });
      }
      case "EP_INFO": {
        const { maxPacketSize, maxStreams } = packet.body;
        const sized = this.#without(packet, layouts.maxPacketSize, { maxPacketSize });
        return this.#without(sized, layouts.maxStreams, { maxStreams });
      }
      case "BULK_PACKET": {
        const { lengthHigh } = packet.body;
        if (lengthHigh && !this.#context.has(layouts.lengthHigh)) {
          throw new UsbredirError(
            "BAD_SEND",
            "BULK_PACKET: the peer knows lengths of 16 bits only",
          );
        }
        return this.#without(packet, layouts.lengthHigh, { lengthHigh });
      }
      default:
        return packet;
    }
  }

  #without<P extends PacketBody>(packet: P, layout: string, field: object): P {
    if (this.#context.has(layout)) return packet;
    const nothing = Object.fromEntries(Object.keys(field).map((name) => [name, null]));
    return { ...packet, body: { ...packet.body, ...nothing } };
  }

  /** False while bytes of a refused packet are still to come. */
  #skip(): boolean {
    const size = Math.min(this.#toSkip, this.#input.size);
    this.#input.take(size);
    this.#toSkip -= size;
    return this.#toSkip === 0;
  }

  #readHeader(): Header | null {
    const isLong = this.#hasLongIds;
    const bytes = this.#input.take(isLong ? longHeaderSize : headerSize);
    if (bytes === null) return null;
    const header = isLong
      ? decodeFields(LongPacketHeader, bytes)
      : decodeFields(PacketHeader, bytes);
    const { type, length } = header;
    if (length > this.#bodySizeMax) {
      this.#toSkip = length;
      throw new UsbredirError("PACKET_TOO_LARGE", `packet ${type} of ${length} bytes`);
    }
    return { type, length, id: BigInt(header.id) };
  }

  #decode({ type, id }: Header, bytes: Uint8Array): Packet {
    const codec = this.#role === "host" ? fromGuest : fromHost;
    const packet = this.#decodeBody(codec, type, bytes);
    if (packet.name === "FILTER_FILTER" && bytes.at(-1) !== 0) {
      throw new UsbredirError("BAD_PACKET", "FILTER_FILTER: the rules do not end");
    }
    const sender = this.#role === "host" ? "guest" : "host";
    const fault = packetFault(packet, sender, (capability) => this.#ours.has(capability));
    if (fault !== null) throw new UsbredirError("BAD_PACKET", `${packet.name}: ${fault}`);
    if (packet.name === "HELLO") this.#meet(packet.body.version, packet.body.capabilities);
    return { ...packet, id } as Packet;
  }

  #decodeBody(codec: typeof fromHost | typeof fromGuest, type: number, bytes: Uint8Array) {
    try {
      const packet = codec.decode(type, bytes, this.#context);
      if (packet === null) throw new UsbredirError("BAD_PACKET", `packet ${type} is none for us`);
      // What ends in data or a text takes all bytes; the others are as long as their fields.
      if (openEnded.has(packet.name)) return packet;
      const { body } = codec.encode(packet as never, this.#context);
      if (body.length === bytes.length) return packet;
      throw new UsbredirError("BAD_PACKET", `${packet.name} of ${bytes.length} bytes`);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new UsbredirError("BAD_PACKET", error.message, { cause: error });
    }
  }

  #meet(version: Uint8Array, words: Uint8Array): void {
    if (this.#peer !== null) throw new UsbredirError("BAD_PACKET", "a second HELLO");
    const end = version.indexOf(0);
    const name = decodeUtf8(version, 0, end < 0 ? version.length : end);
    const capabilities = new Set<number>();
    // Words and bits that we do not know say nothing.
    const word =
      words.length < 4 ? 0 : new DataView(words.buffer, words.byteOffset).getUint32(0, true);
    for (const bit of Object.values(UsbredirCapability)) {
      if (word & (1 << bit)) capabilities.add(bit);
    }
    this.#know(name, capabilities);
  }

  #know(version: string, capabilities: Set<number>): void {
    this.#peer = { version, capabilities: usable(capabilities) };
    const context = new Set<string>();
    if (this.both(UsbredirCapability.CONNECT_DEVICE_VERSION)) context.add(layouts.deviceVersion);
    if (this.both(UsbredirCapability.EP_INFO_MAX_PACKET_SIZE)) context.add(layouts.maxPacketSize);
    if (this.both(UsbredirCapability.BULK_STREAMS)) context.add(layouts.maxStreams);
    if (this.both(UsbredirCapability.BULK_LENGTH_32BITS)) context.add(layouts.lengthHigh);
    this.#context = context;
  }
}

/** Streams without sizes of packets have no layout. */
function usable(capabilities: Set<number>): ReadonlySet<number> {
  if (!capabilities.has(UsbredirCapability.EP_INFO_MAX_PACKET_SIZE)) {
    capabilities.delete(UsbredirCapability.BULK_STREAMS);
  }
  return capabilities;
}

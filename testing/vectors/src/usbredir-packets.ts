// Valid packets of USB redirection, chosen by a seed, and the fuzz target of their parser.

import { ByteQueue } from "@caraway/channel";
import {
  bulkLengthFields,
  eitherPackets,
  endpointIn,
  guestPackets,
  hostPackets,
  type Packet,
  PacketStream,
  UsbredirCapability,
  UsbredirError,
  type UsbredirRole,
} from "@caraway/usbredir";
import type { AnyMessageSchema, Context } from "@caraway/wire";
import { arbitraryFields } from "./arbitrary.ts";
import type { FuzzTarget, FuzzVerdict } from "./fuzz-target.ts";
import { Random } from "./random.ts";

export const usbredirCapabilities: readonly UsbredirCapability[] =
  Object.values(UsbredirCapability);

/** Two ends that have said HELLO to each other. */
export function metStreams(
  host: readonly UsbredirCapability[],
  guest: readonly UsbredirCapability[],
): { readonly host: PacketStream; readonly guest: PacketStream } {
  const version = "caraway";
  const ends = {
    host: new PacketStream({ role: "host", version, capabilities: host }),
    guest: new PacketStream({ role: "guest", version, capabilities: guest }),
  };
  ends.host.push(ends.guest.hello());
  ends.guest.push(ends.host.hello());
  ends.host.next();
  ends.guest.next();
  return ends;
}

const filters = [
  "-1,-1,-1,-1,1",
  "0x03,-1,-1,-1,0|-1,0x1234,0xabcd,-1,1",
  "0x08,0x0001,-1,0x0100,0",
];

/** As notes and layouts name them. */
const capabilityNames: Readonly<Record<string, UsbredirCapability>> = {
  bulk_streams: UsbredirCapability.BULK_STREAMS,
  connect_device_version: UsbredirCapability.CONNECT_DEVICE_VERSION,
  filter: UsbredirCapability.FILTER,
  device_disconnect_ack: UsbredirCapability.DEVICE_DISCONNECT_ACK,
  ep_info_max_packet_size: UsbredirCapability.EP_INFO_MAX_PACKET_SIZE,
  "32bits_bulk_length": UsbredirCapability.BULK_LENGTH_32BITS,
  bulk_receiving: UsbredirCapability.BULK_RECEIVING,
};

/** Packets without an id of their own. */
const withoutId = /^(DEVICE_|INTERFACE_INFO|EP_INFO|RESET|FILTER_)/;

/** A packet that `sender` may send where both ends have `both` of the capabilities. */
export function randomPacket(
  sender: UsbredirRole,
  both: ReadonlySet<UsbredirCapability>,
  random: Random,
): Packet {
  const all: readonly AnyMessageSchema[] = [
    ...eitherPackets,
    ...(sender === "host" ? hostPackets : guestPackets),
  ];
  const { name, fields } = random.pick(
    all.filter(({ name, notes: { needs } }) => {
      const need = needs?.replace("usb_redir_cap_", "");
      return name !== "HELLO" && (need === undefined || both.has(capabilityNames[need]!));
    }),
  );
  const given = Object.keys(capabilityNames).filter((each) => both.has(capabilityNames[each]!));
  const context: Context = new Set(given);
  const body = arbitraryFields(fields, { random, size: 40, context });
  mend(name, body, sender, random);
  const isLong = both.has(UsbredirCapability.IDS_64BITS);
  const id = isLong ? random.u64() : BigInt(random.u32());
  return { name, id: withoutId.test(name) ? 0n : id, body } as Packet;
}

/** Makes a body of any numbers one that makes sense. */
function mend(
  name: string,
  body: Record<string, unknown>,
  sender: UsbredirRole,
  random: Random,
): void {
  if (name === "FILTER_FILTER") body["rules"] = random.pick(filters);
  if (name === "INTERFACE_INFO") body["interfaceCount"] = random.below(33);
  if (name === "START_BULK_RECEIVING") body["bytesPerTransfer"] = random.below((128 << 20) + 1);
  const isInputOnly = /_RECEIVING|BUFFERED/.test(name);
  if (isInputOnly) body["endpoint"] = (body["endpoint"] as number) | endpointIn;
  if (!(body["data"] instanceof Uint8Array)) return;
  const dataGoes = sender === "host" ? endpointIn : 0;
  const answersOnly = name === "ISO_PACKET" || (name === "INTERRUPT_PACKET" && sender === "guest");
  if (answersOnly) body["endpoint"] = ((body["endpoint"] as number) & 0x7f) | dataGoes;
  const hasData = ((body["endpoint"] as number) & endpointIn) === dataGoes;
  if (!hasData) body["data"] = new Uint8Array(0);
  const length = hasData ? (body["data"] as Uint8Array).length : random.below(0x10000);
  if (name !== "BULK_PACKET") {
    body["length"] = length;
    return;
  }
  const long = hasData ? length : random.below(128 << 20);
  const isLong = body["lengthHigh"] !== null;
  const { length: low, lengthHigh } = bulkLengthFields(isLong ? long : length);
  body["length"] = low;
  if (isLong) body["lengthHigh"] = lengthHigh;
}

/** What one end says: HELLO and some packets. */
function saidBy(sender: UsbredirRole, seed: number): Uint8Array {
  const random = new Random(seed);
  const capabilities = usbredirCapabilities.filter(() => !random.once(4));
  const ends = metStreams(capabilities, capabilities);
  const both = new Set(usbredirCapabilities.filter((bit) => ends.host.both(bit)));
  const said = new ByteQueue();
  said.push(ends[sender].hello());
  for (let count = 0; count < 12; count++) {
    said.push(ends[sender].write(randomPacket(sender, both, random)));
  }
  return said.takeAll();
}

/** Reads until the bytes are over: what makes no sense is skipped. */
function readAll(role: UsbredirRole, bytes: Uint8Array): FuzzVerdict {
  const capabilities = usbredirCapabilities;
  const stream = new PacketStream({ role, version: "", capabilities });
  stream.push(bytes);
  let verdict: FuzzVerdict = "taken";
  for (;;) {
    try {
      if (stream.next() === null) return verdict;
    } catch (error) {
      if (!(error instanceof UsbredirError)) throw error;
      verdict = "refused";
    }
  }
}

const roles = [
  ["host", "guest"],
  ["guest", "host"],
] as const;

export const usbredirTargets: readonly FuzzTarget[] = roles.map(([role, sender]) => ({
  name: `usbredir.${role}`,
  seeds: Array.from({ length: 20 }, (_, seed) => saidBy(sender, seed)),
  run: (bytes) => readAll(role, bytes),
  weight: 60,
  memoryBound: (size) => 20 * size + 20_000,
}));

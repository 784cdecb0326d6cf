// D-Bus messages (D-Bus Specification, "Message Format"), little endian as QEMU sends them.

import {
  DbusError,
  DbusReader,
  type DbusValue,
  DbusWriter,
  messageMax,
  type Variant,
} from "./dbus-value.ts";

export const messageKind = { call: 1, result: 2, error: 3, signal: 4 } as const;
export type MessageKind = keyof typeof messageKind;

export interface DbusMessage {
  readonly kind: MessageKind;
  readonly serial: number;
  /** The caller wants no answer. */
  readonly noReply: boolean;
  readonly path: string | null;
  readonly interface: string | null;
  readonly member: string | null;
  readonly errorName: string | null;
  readonly replySerial: number | null;
  readonly sender: string | null;
  readonly signature: string;
  readonly body: readonly DbusValue[];
  /** File descriptors that go with it. */
  readonly fdCount: number;
}

const noReplyFlag = 1;
const fixedSize = 16;

/** Numbers and types of header fields, by name. */
const fields = {
  path: [1, "o"],
  interface: [2, "s"],
  member: [3, "s"],
  errorName: [4, "s"],
  replySerial: [5, "u"],
  sender: [7, "s"],
  signature: [8, "g"],
  fdCount: [9, "u"],
} as const;

export type NewMessage = Pick<DbusMessage, "kind" | "serial"> &
  Partial<Omit<DbusMessage, "kind" | "serial">>;

export function encodeMessage(message: NewMessage): Uint8Array {
  const { signature = "", body = [] } = message;
  const bodyWriter = new DbusWriter();
  bodyWriter.writeAll(signature, body);
  const bodyBytes = bodyWriter.bytes;
  const header: DbusValue[] = [];
  for (const [name, [number, type]] of Object.entries(fields)) {
    const value = message[name as keyof typeof fields];
    if (value === undefined || value === null || value === "" || value === 0) continue;
    header.push([number, { signature: type, value }]);
  }
  const writer = new DbusWriter();
  writer.writeAll("yyyyuua(yv)", [
    0x6c,
    messageKind[message.kind],
    message.noReply === true ? noReplyFlag : 0,
    1,
    bodyBytes.length,
    message.serial,
    header,
  ]);
  writer.align(8);
  const head = writer.bytes;
  const whole = new Uint8Array(head.length + bodyBytes.length);
  whole.set(head);
  whole.set(bodyBytes, head.length);
  return whole;
}

/** Size of the message that `bytes` begin with; null: more bytes must come to know it. */
export function messageSize(bytes: Uint8Array): number | null {
  if (bytes.length < fixedSize) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, fixedSize);
  if (view.getUint8(0) !== 0x6c) throw new DbusError("a message is not little endian");
  const size = fixedSize + Math.ceil(view.getUint32(12, true) / 8) * 8 + view.getUint32(4, true);
  if (size > messageMax) throw new DbusError(`a message of ${size} bytes`);
  return size;
}

/** `bytes` are the whole message; byte arrays in it are views of them. */
export function decodeMessage(bytes: Uint8Array): DbusMessage {
  const reader = new DbusReader(bytes);
  const [, number, flags, version, , serial, header] = reader.readAll("yyyyuua(yv)");
  const kind = (Object.keys(messageKind) as MessageKind[]).find((name) => {
    return messageKind[name] === number;
  });
  if (kind === undefined || version !== 1) throw new DbusError("a message of an unknown kind");
  reader.align(8);
  const found = new Map<number, DbusValue>();
  for (const entry of header as readonly DbusValue[]) {
    const [field, variant] = entry as readonly [number, Variant];
    found.set(field, variant.value);
  }
  const text = (name: keyof typeof fields) => {
    const value = found.get(fields[name][0]);
    return typeof value === "string" ? value : null;
  };
  const count = (name: keyof typeof fields) => {
    const value = found.get(fields[name][0]);
    return typeof value === "number" ? value : null;
  };
  const signature = text("signature") ?? "";
  return {
    kind,
    serial: serial as number,
    noReply: ((flags as number) & noReplyFlag) !== 0,
    path: text("path"),
    interface: text("interface"),
    member: text("member"),
    errorName: text("errorName"),
    replySerial: count("replySerial"),
    sender: text("sender"),
    signature,
    body: reader.readAll(signature),
    fdCount: count("fdCount") ?? 0,
  };
}

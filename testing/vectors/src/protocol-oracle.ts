// What must hold for every message and struct of the protocol, whatever its value or bytes. Tests
// and the fuzzer share these checks.

import {
  AgentMessageHeader,
  AgentState,
  type AnyChannelSchema,
  agentCodec,
  agentMessageHeaderCodec,
  agentMessages,
  agentStateCodec,
  Cursor,
  CursorState,
  cursorCodec,
  cursorStateCodec,
  DataHeader,
  Display,
  DisplayEarlyState,
  DisplayMigrationData,
  DisplayState,
  dataHeaderCodec,
  displayCodec,
  displayEarlyStateCodec,
  displayMigrationDataCodec,
  displayStateCodec,
  FileXferStatusError,
  FileXferStatusNotEnoughSpace,
  fileXferStatusErrorCodec,
  fileXferStatusNotEnoughSpaceCodec,
  Inputs,
  InputsMigrationData,
  InputsState,
  inputsCodec,
  inputsMigrationDataCodec,
  inputsStateCodec,
  LinkHeader,
  LinkMess,
  LinkReply,
  linkHeaderCodec,
  linkMessCodec,
  linkReplyCodec,
  Main,
  MainMigrationData,
  MiniDataHeader,
  mainCodec,
  mainMigrationDataCodec,
  miniDataHeaderCodec,
  Palette,
  Playback,
  Port,
  paletteCodec,
  peerCodec,
  peerMessages,
  playbackCodec,
  portCodec,
  Record as RecordChannel,
  recordCodec,
  SaslData,
  Smartcard,
  SmartcardMigrationData,
  SpicevmcMigrationData,
  StreamDeviceHeader,
  SubMessageList,
  saslDataCodec,
  smartcardCodec,
  smartcardMigrationDataCodec,
  spicevmcMigrationDataCodec,
  streamDeviceCodec,
  streamDeviceHeaderCodec,
  streamDeviceMessages,
  subMessageListCodec,
  Usbredir,
  usbredirCodec,
  VdiChunkHeader,
  VscError,
  vdiChunkHeaderCodec,
  vscErrorCodec,
  Webdav,
  WebdavFrame,
  webdavCodec,
  webdavFrameCodec,
} from "@caraway/protocol";
import {
  type AnyMessageSchema,
  type Context,
  decodeFields,
  encodeFields,
  type Fields,
  type MessageCodec,
  type NamedFields,
  type StructCodec,
  sizeOf,
  struct,
  WireError,
} from "@caraway/wire";

/** One message or struct with its generated code, in the form that all of them share. */
export interface Subject {
  /** `display.server.DRAW_COPY`, `LinkMess`. */
  readonly name: string;
  readonly schema: NamedFields<Fields>;
  decode(bytes: Uint8Array, context: Context): unknown;
  encode(value: unknown, context: Context): Uint8Array;
}

type AnyMessage = { readonly name: string; readonly body: unknown };

function messageSubject<M extends AnyMessage>(
  where: string,
  schema: AnyMessageSchema,
  codec: MessageCodec<M>,
): Subject {
  return {
    name: `${where}.${schema.name}`,
    schema,
    decode: (bytes, context) => codec.decode(schema.id, bytes, context)?.body,
    encode: (body, context) => codec.encode({ name: schema.name, body } as M, context).body,
  };
}

function structSubject<T>(schema: NamedFields<Fields>, codec: StructCodec<T>): Subject {
  return {
    name: schema.name,
    schema,
    decode: (bytes, context) => codec.decode(bytes, context),
    encode: (value, context) => codec.encode(value as T, context),
  };
}

function channelSubjects<S extends AnyMessage, C extends AnyMessage>(
  channel: AnyChannelSchema,
  codec: { readonly server: MessageCodec<S>; readonly client: MessageCodec<C> },
): Subject[] {
  return [
    ...channel.server.map((m) => messageSubject(`${channel.name}.server`, m, codec.server)),
    ...channel.client.map((m) => messageSubject(`${channel.name}.client`, m, codec.client)),
  ];
}

/** Everything that `@caraway/protocol` can decode. */
export const protocolSubjects: readonly Subject[] = [
  ...channelSubjects(Main, mainCodec),
  ...channelSubjects(Display, displayCodec),
  ...channelSubjects(Inputs, inputsCodec),
  ...channelSubjects(Cursor, cursorCodec),
  ...channelSubjects(Playback, playbackCodec),
  ...channelSubjects(RecordChannel, recordCodec),
  ...channelSubjects(Smartcard, smartcardCodec),
  ...channelSubjects(Usbredir, usbredirCodec),
  ...channelSubjects(Port, portCodec),
  ...channelSubjects(Webdav, webdavCodec),
  ...agentMessages.map((m) => messageSubject("agent", m, agentCodec)),
  structSubject(AgentState, agentStateCodec),
  ...peerMessages.map((m) => messageSubject("peer", m, peerCodec)),
  ...streamDeviceMessages.map((m) => messageSubject("streamDevice", m, streamDeviceCodec)),
  structSubject(StreamDeviceHeader, streamDeviceHeaderCodec),
  structSubject(FileXferStatusError, fileXferStatusErrorCodec),
  structSubject(FileXferStatusNotEnoughSpace, fileXferStatusNotEnoughSpaceCodec),
  structSubject(VscError, vscErrorCodec),
  structSubject(WebdavFrame, webdavFrameCodec),
  structSubject(AgentMessageHeader, agentMessageHeaderCodec),
  structSubject(VdiChunkHeader, vdiChunkHeaderCodec),
  structSubject(LinkHeader, linkHeaderCodec),
  structSubject(LinkMess, linkMessCodec),
  structSubject(LinkReply, linkReplyCodec),
  structSubject(SaslData, saslDataCodec),
  structSubject(DataHeader, dataHeaderCodec),
  structSubject(MiniDataHeader, miniDataHeaderCodec),
  structSubject(SubMessageList, subMessageListCodec),
  structSubject(Palette, paletteCodec),
  structSubject(MainMigrationData, mainMigrationDataCodec),
  structSubject(DisplayMigrationData, displayMigrationDataCodec),
  structSubject(InputsMigrationData, inputsMigrationDataCodec),
  structSubject(SpicevmcMigrationData, spicevmcMigrationDataCodec),
  structSubject(SmartcardMigrationData, smartcardMigrationDataCodec),
  structSubject(DisplayEarlyState, displayEarlyStateCodec),
  structSubject(DisplayState, displayStateCodec),
  structSubject(CursorState, cursorStateCodec),
  structSubject(InputsState, inputsStateCodec),
];

/** What an operation gives: a value, or the error that is part of its contract. */
export type Outcome =
  | { readonly value: unknown }
  | { readonly code: string; readonly path: string; readonly offset: number };

export function outcomeOf(act: () => unknown): Outcome {
  try {
    return { value: act() };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { code: error.code, path: error.path, offset: error.offset };
  }
}

/** A valid value survives the wire, and both implementations write the same bytes. */
export function checkValue(subject: Subject, value: unknown, context: Context): Uint8Array {
  const { schema } = subject;
  const bytes = subject.encode(value, context);
  demandSame(subject, "encoded", bytes, encodeFields(schema, value as never, context));
  demandSame(subject, "decoded", subject.decode(bytes, context), value);
  demandSame(subject, "interpreted", decodeFields(schema, bytes, context), value);
  const size = sizeOf(struct(schema.name, schema.fields), value as never, context);
  demandSame(subject, "size", size, bytes.length);
  return bytes;
}

/**
 * Any bytes give the same value or the same error in both implementations, and a value survives
 * being sent on.
 */
export function checkBytes(subject: Subject, bytes: Uint8Array, context: Context): Outcome {
  const generated = outcomeOf(() => subject.decode(bytes, context));
  const interpreted = outcomeOf(() => decodeFields(subject.schema, bytes, context));
  demandSame(subject, "outcome", generated, interpreted);
  if ("value" in generated) {
    checkWeight(subject, generated.value, bytes.length);
    // What can be taken can be sent on, and says the same then.
    const again = subject.encode(generated.value, context);
    demandSame(subject, "sent on", subject.decode(again, context), generated.value);
  }
  return generated;
}

/** A value that may not be valid gives the same bytes or the same error in both. */
export function checkAnyValue(subject: Subject, value: unknown, context: Context): Outcome {
  const generated = outcomeOf(() => subject.encode(value, context));
  const interpreted = outcomeOf(() => encodeFields(subject.schema, value as never, context));
  demandSame(subject, "outcome", generated, interpreted);
  return generated;
}

/** Most memory that a decoded message may take for each byte on the wire, and besides. */
export const weightPerByte = 64;
export const weightBesides = 4096;

function checkWeight(subject: Subject, value: unknown, length: number): void {
  const weight = weightOf(value);
  const bound = weightBesides + weightPerByte * length;
  if (weight > bound) {
    throw new Error(`${subject.name}: ${length} bytes decode to ${weight}, more than ${bound}`);
  }
}

/** Memory that a decoded value takes, roughly: views count as views, not as what they show. */
export function weightOf(value: unknown): number {
  if (value instanceof Uint8Array) return 96;
  if (typeof value === "string") return 24 + 2 * value.length;
  if (typeof value === "bigint") return 24;
  if (Array.isArray(value)) return value.reduce<number>((sum, v) => sum + 8 + weightOf(v), 32);
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce<number>((sum, v) => sum + 8 + weightOf(v), 24);
}

function demandSame(subject: Subject, what: string, actual: unknown, expected: unknown): void {
  if (same(actual, expected)) return;
  const show = (value: unknown) =>
    JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : v));
  throw new Error(`${subject.name}: ${what} is ${show(actual)}, expected ${show(expected)}`);
}

/** Deep equality of decoded values; -0 is not told from 0, as the wire does not. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.length !== b.length)
      return false;
    return a.every((byte, index) => byte === b[index]);
  }
  const keys = Object.keys(a);
  if (Array.isArray(a) !== Array.isArray(b) || keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => key in b && same(a[key as keyof typeof a], b[key as keyof typeof b]));
}

// Collects what core/protocol declares: which struct and which message stands in which module,
// under which name. The generated files mirror these modules.

import type {
  AnyMessageSchema,
  AnySchema,
  Fields,
  SchemaNode,
  StructSchema,
  TaggedSchema,
} from "@caraway/wire";
import * as agent from "../../core/protocol/src/agent.ts";
import * as audio from "../../core/protocol/src/audio.ts";
import * as base from "../../core/protocol/src/base.ts";
import * as capabilities from "../../core/protocol/src/capabilities.ts";
import type { AnyChannelSchema } from "../../core/protocol/src/channel-schema.ts";
import * as channelState from "../../core/protocol/src/channel-state.ts";
import * as constants from "../../core/protocol/src/constants.ts";
import * as cursor from "../../core/protocol/src/cursor.ts";
import * as devices from "../../core/protocol/src/devices.ts";
import * as display from "../../core/protocol/src/display.ts";
import * as framing from "../../core/protocol/src/framing.ts";
import * as graphics from "../../core/protocol/src/graphics.ts";
import * as image from "../../core/protocol/src/image.ts";
import * as inputs from "../../core/protocol/src/inputs.ts";
import * as link from "../../core/protocol/src/link.ts";
import * as main from "../../core/protocol/src/main.ts";
import * as migrationData from "../../core/protocol/src/migration-data.ts";
import * as peer from "../../core/protocol/src/peer.ts";
import * as streamDevice from "../../core/protocol/src/stream-device.ts";

/** Modules in the order in which the documentation has them. */
const modules: Readonly<Record<string, object>> = {
  link,
  framing,
  base,
  main,
  display,
  image,
  graphics,
  inputs,
  cursor,
  audio,
  devices,
  agent,
  "migration-data": migrationData,
  "stream-device": streamDevice,
  peer,
  "channel-state": channelState,
};

export type NamedSchema = StructSchema<Fields> | TaggedSchema<unknown>;

/** A struct or tagged struct under the name by which its module exports it. */
export interface NamedDeclaration {
  readonly module: string;
  readonly exportName: string;
  readonly schema: NamedSchema;
}

/** Messages that share one space of ids: one direction of a channel, or the agent's. */
export interface MessageList {
  readonly module: string;
  /** What generated functions are called after: `MainServer`. */
  readonly name: string;
  /** How a module writes the list and the union of its messages. */
  readonly list: string;
  readonly union: string;
  readonly messages: readonly AnyMessageSchema[];
}

/** One exported codec: a channel's two directions, or a list of its own. */
export interface CodecDeclaration {
  readonly module: string;
  readonly exportName: string;
  readonly lists:
    | { readonly server: MessageList; readonly client: MessageList }
    | { readonly only: MessageList };
  readonly channel: AnyChannelSchema | null;
}

export interface Declarations {
  readonly modules: readonly string[];
  readonly named: ReadonlyMap<AnySchema, NamedDeclaration>;
  readonly codecs: readonly CodecDeclaration[];
}

export function collectDeclarations(): Declarations {
  const named = new Map<AnySchema, NamedDeclaration>();
  const codecs: CodecDeclaration[] = [];
  for (const [module, exports] of Object.entries(modules)) {
    // Sorted, since loaders differ in the order of a module's exports.
    const sorted = Object.entries(exports).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [exportName, value] of sorted) {
      if (isNamedSchema(value)) named.set(value, { module, exportName, schema: value });
      else if (isChannel(value)) codecs.push(channelCodec(module, exportName, value));
      else if (exportName.endsWith("Messages")) codecs.push(listCodec(module, exportName, value));
    }
    if (module === "base") codecs.push(baseCodec(module));
  }
  return { modules: Object.keys(modules), named, codecs };
}

function channelCodec(
  module: string,
  exportName: string,
  channel: AnyChannelSchema,
): CodecDeclaration {
  const list = (side: "server" | "client", capital: "Server" | "Client"): MessageList => ({
    module,
    name: `${exportName}${capital}`,
    list: `declared.${exportName}.${side}`,
    union: `${capital}Message<typeof declared.${exportName}>`,
    messages: channel[side],
  });
  const lists = { server: list("server", "Server"), client: list("client", "Client") };
  const codecName = `${exportName[0]!.toLowerCase()}${exportName.slice(1)}Codec`;
  return { module, exportName: codecName, lists, channel };
}

function baseCodec(module: string): CodecDeclaration {
  const list = (side: string, messages: readonly AnyMessageSchema[]): MessageList => ({
    module,
    name: `Base${side}`,
    list: `declared.base${side}`,
    union: `MessageOf<typeof declared.base${side}>`,
    messages,
  });
  const lists = {
    server: list("Server", base.baseServer),
    client: list("Client", base.baseClient),
  };
  return { module, exportName: "baseCodec", lists, channel: null };
}

/** A list of messages that is no channel: `agentMessages`. */
function listCodec(
  module: string,
  exportName: string,
  messages: readonly AnyMessageSchema[],
): CodecDeclaration {
  const stem = exportName.slice(0, -"Messages".length);
  const only: MessageList = {
    module,
    name: `${stem[0]!.toUpperCase()}${stem.slice(1)}`,
    list: `declared.${exportName}`,
    union: `MessageOf<typeof declared.${exportName}>`,
    messages,
  };
  return { module, exportName: `${stem}Codec`, lists: { only }, channel: null };
}

/** Names and numbers of an enum, of flags or of capabilities. */
export interface ConstantTable {
  readonly module: string;
  readonly exportName: string;
  readonly values: Readonly<Record<string, number>>;
}

export function collectConstants(): readonly ConstantTable[] {
  const tables: ConstantTable[] = [];
  for (const [module, exports] of Object.entries({ constants, capabilities, ...modules })) {
    for (const [exportName, value] of Object.entries(exports)) {
      if (isTable(value)) tables.push({ module, exportName, values: value });
    }
  }
  return tables.sort((a, b) => (a.exportName < b.exportName ? -1 : 1));
}

export function listsOf(codec: CodecDeclaration): readonly MessageList[] {
  return "only" in codec.lists ? [codec.lists.only] : [codec.lists.server, codec.lists.client];
}

function isNamedSchema(value: unknown): value is NamedSchema {
  const kind = (value as SchemaNode | null)?.kind;
  return kind === "struct" || kind === "tagged";
}

function isTable(value: unknown): value is ConstantTable["values"] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((number) => typeof number === "number");
}

function isChannel(value: unknown): value is AnyChannelSchema {
  return typeof value === "object" && value !== null && "server" in value && "client" in value;
}

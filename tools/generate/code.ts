// Generated code: one file for each module of declarations.

import { type AnySchema, type Fields, node } from "@caraway/wire";
import {
  type CodecDeclaration,
  type Declarations,
  listsOf,
  type MessageList,
  type NamedSchema,
} from "./declarations.ts";
import { addMessageReaders, addStructReader, messageFunctionName } from "./decoder.ts";
import { addMessageWriters, addStructWriter } from "./encoder.ts";
import { fixedSize, isFlat } from "./layout.ts";
import { ModuleText } from "./module-text.ts";

/** File names and texts. */
export function generateCode(declarations: Declarations): Map<string, string> {
  const functionName = sharedMessageNames(declarations);
  const parts = partsOf(declarations);
  const files = new Map<string, string>();
  for (const name of declarations.modules) {
    const module = new ModuleText(name, declarations);
    for (const { module: owner, schema, exportName } of declarations.named.values()) {
      if (owner !== name) continue;
      addStructReader(module, schema);
      addStructWriter(module, schema);
      if (standsAlone(schema, exportName, parts)) addStructCodec(module, exportName, schema);
    }
    for (const codec of declarations.codecs) {
      if (codec.module !== name) continue;
      for (const list of listsOf(codec)) {
        module.add([`type ${list.name} = ${importedUnion(module, list)};`]);
        const base = baseOf(declarations, list);
        addMessageReaders(module, list, base, functionName);
        addMessageWriters(module, list, base, functionName);
      }
      addChannelCodec(module, codec);
    }
    files.set(`${name}.ts`, module.toString());
  }
  return files;
}

/** Structs that other structs or messages contain. */
function partsOf(declarations: Declarations): ReadonlySet<AnySchema> {
  const parts = new Set<AnySchema>();
  const visit = (schema: AnySchema): void => {
    const s = node(schema);
    if (s.kind === "struct" || s.kind === "tagged") parts.add(s);
    else if (s.kind === "list") visit(s.item);
    else if (s.kind === "pointer") visit(s.target);
    else if (s.kind === "when" || s.kind === "given") visit(s.schema);
  };
  const visitFields = (fields: Fields) => Object.values(fields).forEach(visit);
  for (const { schema } of declarations.named.values()) {
    if (schema.kind === "struct") visitFields(schema.fields);
    else [schema.header, ...Object.values(schema.cases)].forEach(visitFields);
  }
  for (const list of declarations.codecs.flatMap(listsOf)) {
    for (const message of list.messages) visitFields(message.fields);
  }
  return parts;
}

/** Structs that are decoded by themselves: those that nothing contains, and the palette. */
function standsAlone(
  schema: NamedSchema,
  exportName: string,
  parts: ReadonlySet<AnySchema>,
): boolean {
  return schema.kind === "struct" && (!parts.has(schema) || exportName === "Palette");
}

/** Several lists may hold the same message: the first that does names its functions. */
function sharedMessageNames(declarations: Declarations) {
  const known = new Map<unknown, { owner: string; name: string }>();
  return (list: MessageList, index: number) => {
    const message = list.messages[index]!;
    if (known.size === 0) {
      for (const each of declarations.codecs.flatMap(listsOf)) {
        for (const [i, m] of each.messages.entries()) {
          if (!known.has(m)) {
            known.set(m, { owner: each.module, name: messageFunctionName(each, i) });
          }
        }
      }
    }
    return known.get(message)!;
  };
}

/** The common messages that `list` contains, if it contains them. */
function baseOf(declarations: Declarations, list: MessageList): MessageList | null {
  const base = declarations.codecs.find((codec) => codec.module === "base")!;
  const found = listsOf(base).find(
    (candidate) =>
      candidate.name !== list.name &&
      candidate.messages.every((message) => list.messages.includes(message)),
  );
  return found ?? null;
}

function importedUnion(module: ModuleText, list: MessageList): string {
  if (list.union.startsWith("MessageOf")) module.wireType("MessageOf");
  else module.protocolType(list.union.slice(0, list.union.indexOf("<")));
  return list.union;
}

function addStructCodec(module: ModuleText, exportName: string, schema: NamedSchema): void {
  const size = fixedSize(schema);
  const read = `read${exportName}`;
  const write = `write${exportName}`;
  const counted = isFlat(schema) ? `() => ${size}` : `size${exportName}`;
  const codecName = `${exportName[0]!.toLowerCase()}${exportName.slice(1)}Codec`;
  module.wireType("StructCodec");
  module.add([
    `export const ${codecName}: StructCodec<${module.type(schema)}> =`,
    `  /* @__PURE__ */ ${module.wire("structCodec")}(declared.${exportName}, {`,
    size === null ? `    read: ${read},` : `    read: (r) => ${read}(r, r.take(${size})),`,
    `    size: ${counted},`,
    size === null
      ? `    write: ${write},`
      : `    write: (w, value) => ${write}(w, w.take(${size}), value),`,
    `  });`,
  ]);
}

function addChannelCodec(module: ModuleText, codec: CodecDeclaration): void {
  module.wireType("MessageCodec");
  const call = ({ list, name }: MessageList) =>
    `/* @__PURE__ */ ${module.wire("messageCodec")}(${list}, {\n` +
    `    read: read${name},\n    size: size${name},\n    write: write${name},\n  })`;
  if ("only" in codec.lists) {
    const { only } = codec.lists;
    module.add([`export const ${codec.exportName}: MessageCodec<${only.name}> = ${call(only)};`]);
    return;
  }
  const { server, client } = codec.lists;
  module.add([
    `export const ${codec.exportName}: {`,
    `  readonly server: MessageCodec<${server.name}>;`,
    `  readonly client: MessageCodec<${client.name}>;`,
    `} = {`,
    `  server: ${call(server)},`,
    `  client: ${call(client)},`,
    `};`,
  ]);
}

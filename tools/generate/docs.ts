// The protocol's documentation: one page for each channel and one for each other part, made from
// the declarations, so that it cannot say anything else than the code.

import {
  type AnyMessageSchema,
  type AnySchema,
  type Fields,
  type Length,
  node,
  type SchemaNode,
} from "@caraway/wire";
import { type Comments, readComments } from "./comments.ts";
import {
  type CodecDeclaration,
  collectConstants,
  type Declarations,
  listsOf,
  type MessageList,
  type NamedDeclaration,
} from "./declarations.ts";
import { fixedSize, fixedSizeOfFields } from "./layout.ts";

const constants = collectConstants();

/** Modules whose structs have a page of their own, with its title. */
const pages: Readonly<Record<string, string>> = {
  link: "The link stage",
  framing: "Headers and sub-messages",
  base: "Messages of every channel",
  agent: "The agent's protocol",
  "migration-data": "Migration data",
  "stream-device": "The streaming device",
  peer: "The peer link, between two servers",
  "channel-state": "State of a channel, between two servers",
};

export function generateDocs(declarations: Declarations, root: string): Map<string, string> {
  const comments = new Map(
    [...declarations.modules, "constants", "capabilities"].map((module) => [
      module,
      readComments(root, module),
    ]),
  );
  const writer = new DocsWriter(declarations, comments);
  const files = new Map<string, string>();
  const lines: string[] = [];
  const add = (file: string, title: string, what: string, text: readonly string[]) => {
    files.set(file, `${[`# ${title}`, "", what, "", ...text].join("\n").trimEnd()}\n`);
    lines.push(`- [${title}](${file})`);
  };
  for (const [module, title] of Object.entries(pages)) {
    add(`${module}.md`, title, writer.source(module), writer.modulePage(module));
  }
  for (const codec of declarations.codecs) {
    if (codec.channel === null) continue;
    const title = `Channel ${codec.channel.name}`;
    const what = writer.source(codec.module);
    add(`${codec.channel.name}.md`, title, what, writer.channelPage(codec));
  }
  add("types.md", "Types that messages share", "Structs of all channels.", writer.typesPage());
  add("constants.md", "Constants", writer.source("constants"), writer.constantsPage());
  files.set("README.md", indexPage(lines));
  return files;
}

function indexPage(lines: readonly string[]): string {
  return `# The SPICE protocol as Caraway declares it

These pages are generated from \`core/protocol/src\` by \`npm run generate\`; only [freedoms.md](freedoms.md), on what
the wire leaves open, is written by hand.

${lines.join("\n")}
- [What the wire leaves open](freedoms.md)

## How to read the tables

Everything is packed and little endian. **Offset** counts from the start of the body or struct, and is empty behind
a field of varying size. **Type** is one of:

| type | meaning |
|---|---|
| \`u8\` … \`i64\` | a number; \`be\` is big endian |
| enum X | a number that must be a value of X |
| open enum X | a number; values that X does not name are let through |
| flags X | a sum of bits of X; unknown bits are let through |
| count of x | how many items or bytes the field x has; the value of a message does not show it |
| X[n] | n items of type X, one after the other; n is a field or an expression of fields |
| bytes[n], text[n] | n bytes; a text is UTF-8, and where it says so its size counts a NUL at the end |
| X[rest], bytes[rest] | as many as there are to the end of the message |
| *X | a \`u32\`: where X stands, counted from the start of the body; 0 as the table says |
| X if F has B | there only if the bit B is set in the earlier field F |
| X if agreed on C | there only if both ends announced C, or a side option says so |
`;
}

class DocsWriter {
  readonly #declarations: Declarations;
  readonly #comments: ReadonlyMap<string, Comments>;

  constructor(declarations: Declarations, comments: ReadonlyMap<string, Comments>) {
    this.#declarations = declarations;
    this.#comments = comments;
  }

  source(module: string): string {
    const words = this.#comments.get(module)!.module;
    return `${words}\n\nGenerated from \`core/protocol/src/${module}.ts\`.`;
  }

  modulePage(module: string): string[] {
    const lines = this.#structs((declaration) => declaration.module === module);
    for (const codec of this.#declarations.codecs) {
      if (codec.module !== module) continue;
      for (const list of listsOf(codec)) {
        const title = { BaseServer: "Server to client", BaseClient: "Client to server" }[list.name];
        lines.push(...this.#messages(list, list.messages, title ?? "Messages"));
      }
    }
    return lines;
  }

  channelPage(codec: CodecDeclaration): string[] {
    const channel = codec.channel!;
    const lines = [`Channel type ${channel.type}.`, ""];
    const capabilities = Object.entries(channel.capabilities);
    if (capabilities.length > 0) {
      lines.push("## Capabilities", "", "| bit | name |", "|---|---|");
      lines.push(...capabilities.map(([name, bit]) => `| ${bit} | ${name} |`), "");
    }
    const common = this.#declarations.codecs.find(({ module }) => module === "base")!;
    const isCommon = new Set(listsOf(common).flatMap(({ messages }) => messages));
    for (const list of listsOf(codec)) {
      const own = list.messages.filter((message) => !isCommon.has(message));
      const title = list.name.endsWith("Server") ? "Server to client" : "Client to server";
      lines.push(...this.#messages(list, own, title));
      const besides = own.length === 0 ? "Only" : "Besides these";
      lines.push(`${besides} the [messages of every channel](base.md).`, "");
    }
    return lines;
  }

  typesPage(): string[] {
    return this.#structs(({ module }) => !(module in pages));
  }

  constantsPage(): string[] {
    const lines: string[] = [];
    for (const { module, exportName, values } of constants) {
      lines.push(`## ${exportName}`, "");
      const words = this.#comments.get(module)!.ofExport(exportName);
      if (words !== null) lines.push(words, "");
      lines.push("| value | name |", "|---|---|");
      lines.push(...Object.entries(values).map(([name, value]) => `| ${value} | ${name} |`), "");
    }
    return lines;
  }

  #structs(wanted: (declaration: NamedDeclaration) => boolean): string[] {
    const lines: string[] = [];
    for (const declaration of this.#declarations.named.values()) {
      if (!wanted(declaration)) continue;
      const { schema, exportName, module } = declaration;
      const comments = this.#comments.get(module)!;
      lines.push(`## ${exportName}`, "");
      const words = comments.ofExport(exportName);
      if (words !== null) lines.push(words, "");
      if (schema.kind === "struct") {
        const size = fixedSize(schema);
        if (size !== null) lines.push(`${size} bytes.`, "");
        lines.push(...this.#table(schema.fields, exportName, comments), "");
        continue;
      }
      lines.push(...this.#table(schema.header, exportName, comments), "");
      for (const [value, fields] of Object.entries(schema.cases)) {
        const tag = node(schema.header[schema.tag]!);
        const names = tag.kind === "enum" ? Object.entries(tag.values) : [];
        const label = names.find(([, v]) => v === Number(value))?.[0] ?? value;
        lines.push(`${schema.tag} ${value} (${label}):`, "");
        if (Object.keys(fields).length === 0) {
          lines.push("no more fields.", "");
        } else {
          const from = fixedSizeOfFields(schema.header) ?? 0;
          lines.push(...this.#table(fields, exportName, comments, from), "");
        }
      }
    }
    return lines;
  }

  #messages(list: MessageList, messages: readonly AnyMessageSchema[], title: string): string[] {
    if (messages.length === 0) return [`## ${title}`, ""];
    const comments = this.#comments.get(list.module)!;
    const lines = [`## ${title}`, "", "| id | message | needs |", "|---|---|---|"];
    for (const { id, name, notes } of messages) {
      lines.push(`| ${id} | ${name} | ${notes.needs ?? ""} |`);
    }
    lines.push("");
    for (const { id, name, fields, notes } of messages) {
      lines.push(`### ${id} ${name}`, "", notes.doc, "");
      if (notes.needs !== undefined)
        lines.push(`Sent only to a receiver that announced ${notes.needs}.`, "");
      if (Object.keys(fields).length > 0) lines.push(...this.#table(fields, name, comments), "");
    }
    return lines;
  }

  #table(fields: Fields, owner: string, comments: Comments, from = 0): string[] {
    const lines = ["| offset | field | type | |", "|---|---|---|---|"];
    let offset: number | null = from;
    for (const [name, schema] of Object.entries(fields)) {
      const s = node(schema);
      const notes = [
        s.kind === "scalar" ? (s.unit ?? "") : "",
        nullText(s),
        comments.ofField(owner, name) ?? "",
      ].filter((note) => note !== "");
      lines.push(
        `| ${offset ?? ""} | ${name} | ${this.#type(s, fields)} | ${cell(notes.join("; "))} |`,
      );
      const size = fixedSize(s);
      offset = offset === null || size === null ? null : offset + size;
    }
    return lines;
  }

  #type(schema: AnySchema, scope: Fields): string {
    const s = node(schema);
    switch (s.kind) {
      case "scalar":
        return s.type;
      case "enum":
        return `${s.scalar}, ${s.open ? "open enum" : "enum"} ${constantLink(s.name)}`;
      case "flags":
        return `${s.scalar}, flags ${constantLink(s.name)}`;
      case "count":
        return `${s.scalar}, count of ${s.of}`;
      case "list":
        return `${this.#type(s.item, scope)}[${lengthText(s.length)}]`;
      case "bytes":
        return `bytes[${lengthText(s.length)}]`;
      case "text":
        return `text[${lengthText(s.length)}]${s.zeroTerminated ? " with NUL" : ""}`;
      case "pointer":
        return `*${this.#type(s.target, scope)}`;
      case "when": {
        const flags = node(scope[s.flags]!);
        const bits = flags.kind === "flags" ? Object.entries(flags.bits) : [];
        const bit = bits.find(([, value]) => value === s.bit)?.[0] ?? `${s.bit}`;
        const has = s.negated ? "lacks" : "has";
        return `${this.#type(s.schema, scope)} if ${s.flags} ${has} ${bit}`;
      }
      case "given":
        return `${this.#type(s.schema, scope)} if agreed on ${s.context}`;
      case "struct":
      case "tagged": {
        const { module, exportName } = this.#declarations.named.get(s)!;
        const page = module in pages ? module : "types";
        return `[${exportName}](${page}.md#${exportName.toLowerCase()})`;
      }
      case "fileDescriptor":
        return "file descriptor, beside the message";
    }
  }
}

function constantLink(name: string): string {
  return constants.some(({ exportName }) => exportName === name)
    ? `[${name}](constants.md#${name.toLowerCase()})`
    : name;
}

function nullText(s: SchemaNode): string {
  if (s.kind === "when" || s.kind === "given") return nullText(node(s.schema));
  if (s.kind !== "pointer") return "";
  return { forbidden: "never 0", allowed: "0 is none", empty: "0 is empty" }[s.null];
}

function lengthText(length: Length): string {
  if ("count" in length) return length.count;
  if ("fixed" in length) return `${length.fixed}`;
  if ("rest" in length) return "rest";
  if ("sum" in length) return length.sum.join(" + ");
  if ("product" in length) return length.product.join(" · ");
  const { bitsPerPixel, width, height } = length.image;
  return `⌈${bitsPerPixel} · ${width} / 8⌉ · ${height}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

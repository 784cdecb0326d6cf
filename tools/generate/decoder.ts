// Writes decoding functions: a run of fixed-size fields has one bounds check and is read by offset;
// structs become object literals.

import {
  type AnySchema,
  type Fields,
  type Length,
  leastSize,
  node,
  type PointerSchema,
  type SchemaNode,
} from "@caraway/wire";
import type { MessageList, NamedSchema } from "./declarations.ts";
import {
  atText,
  fixedSize,
  fixedSizeOfFields,
  type Place,
  pascalCase,
  typeText,
} from "./layout.ts";
import { indent, type ModuleText } from "./module-text.ts";

const getters: Readonly<Record<string, (at: string) => string>> = {
  u8: (at) => `r.bytes[${at}]!`,
  u16: (at) => `r.view.getUint16(${at}, true)`,
  u16be: (at) => `r.view.getUint16(${at})`,
  i16: (at) => `r.view.getInt16(${at}, true)`,
  u32: (at) => `r.view.getUint32(${at}, true)`,
  u32be: (at) => `r.view.getUint32(${at})`,
  i32: (at) => `r.view.getInt32(${at}, true)`,
  u64: (at) => `r.view.getBigUint64(${at}, true)`,
  u64be: (at) => `r.view.getBigUint64(${at})`,
  i64: (at) => `r.view.getBigInt64(${at}, true)`,
};

/** Adds `readX` for a struct: with an offset if its size is fixed, from where the reader is else. */
export function addStructReader(module: ModuleText, schema: NamedSchema): void {
  const type = module.type(schema);
  const reader = module.wireType("Reader");
  const fixed = fixedSize(schema);
  const at = fixed === null ? "" : ", o: number";
  const body = new Body(module, new Names(fixed === null ? ["r"] : ["r", "o"]));
  if (schema.kind === "tagged") body.tagged(schema.header, schema.tag, schema.cases);
  else if (fixed === null) body.struct(schema.fields);
  else body.structAt(schema.fields, "o");
  module.add([
    `export function read${type}(r: ${reader}${at}): ${type} {`,
    ...indent(body.lines),
    "}",
  ]);
}

/** Adds `readX` for a list of messages: from id to name and body. */
export function addMessageReaders(
  module: ModuleText,
  list: MessageList,
  base: MessageList | null,
  nameOfMessage: (list: MessageList, index: number) => { owner: string; name: string },
): void {
  const reader = module.wireType("Reader");
  const cases: string[] = [];
  for (const [index, message] of list.messages.entries()) {
    if (base?.messages.includes(message)) continue;
    const { owner, name } = nameOfMessage(list, index);
    const literal = (body: string) => `{ name: ${JSON.stringify(message.name)}, body: ${body} }`;
    cases.push(`case ${message.id}:`);
    if (Object.keys(message.fields).length === 0) {
      cases.push(`  return ${literal("{}")};`);
      continue;
    }
    if (owner === module.name) {
      module.once(`read${name}`, () => {
        const body = new Body(module, new Names(["r"]));
        body.struct(message.fields);
        const type = `${module.wireType("MessageBody")}<${list.name}, ${JSON.stringify(message.name)}>`;
        return [`export function read${name}(r: ${reader}): ${type} {`, ...indent(body.lines), "}"];
      });
    }
    cases.push(`  return ${literal(`${module.from(owner, `read${name}`)}(r)`)};`);
  }
  const otherwise =
    base === null ? "null" : `${module.from(base.module, `read${base.name}`)}(id, r)`;
  module.add([
    `export function read${list.name}(id: number, r: ${reader}): ${list.name} | null {`,
    `  switch (id) {`,
    ...indent(indent(cases)),
    `    default:`,
    `      return ${otherwise};`,
    `  }`,
    `}`,
  ]);
}

export function messageFunctionName(list: MessageList, index: number): string {
  return `${list.name}${pascalCase(list.messages[index]!.name)}`;
}

/** Local names of one function, so that none is used twice. */
class Names {
  readonly #used: Set<string>;
  /** Locals that hold a bigint. */
  readonly big: Set<string>;

  constructor(used: Iterable<string>, big: Iterable<string> = []) {
    this.#used = new Set(used);
    this.big = new Set(big);
  }

  /** For a block whose names its neighbours may use again. */
  inner(): Names {
    return new Names(this.#used, this.big);
  }

  pick(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#used.has(name); n++) name = `${wanted}${n}`;
    this.#used.add(name);
    return name;
  }

  has(text: string): boolean {
    return this.#used.has(text);
  }
}

/** Field names and the locals that hold their values. */
type Locals = Readonly<Record<string, string>>;

/** The statements of one function or block. */
class Body {
  readonly module: ModuleText;
  readonly names: Names;
  readonly lines: string[] = [];

  constructor(module: ModuleText, names: Names) {
    this.module = module;
    this.names = names;
  }

  struct(fields: Fields): void {
    const size = fixedSizeOfFields(fields);
    if (size === null) {
      this.#return(fields, this.#fields(fields));
      return;
    }
    const o = this.names.pick("o");
    this.lines.push(`const ${o} = r.take(${size});`);
    this.structAt(fields, o);
  }

  structAt(fields: Fields, o: string): void {
    // Without pointers no field needs a local: the literal says it all.
    const flat = Object.values(fields).every((f) => !["pointer", "count"].includes(node(f).kind));
    const locals: Record<string, string> = {};
    this.#run(Object.entries(fields), o, locals, { inline: flat });
    this.#return(fields, locals);
  }

  tagged(header: Fields, tag: string, cases: Readonly<Record<number, Fields>>): void {
    const locals = this.#fields(header, { unchecked: tag });
    this.lines.push(`switch (${locals[tag]}) {`);
    for (const [value, fields] of Object.entries(cases)) {
      const branch = new Body(this.module, this.names.inner());
      const all = { ...branch.#fields(fields, {}, locals), [tag]: value };
      branch.#return({ ...header, ...fields }, all);
      const open = branch.lines.length > 1 ? " {" : "";
      this.lines.push(`  case ${value}:${open}`, ...indent(indent(branch.lines)));
      if (open !== "") this.lines.push("  }");
    }
    this.lines.push("  default:", `    throw ${this.module.wire("refused")};`, "}");
  }

  #return(fields: Fields, locals: Locals): void {
    const shown = Object.entries(fields).filter(
      ([, field]) => node(field).kind !== "count" && node(field).kind !== "fileDescriptor",
    );
    const parts = shown.map(([name]) => {
      const value = locals[name]!;
      return value === name ? name : `${name}: ${value}`;
    });
    const line = `return { ${parts.join(", ")} };`;
    if (line.length <= 90) this.lines.push(line);
    else this.lines.push("return {", ...parts.map((part) => `  ${part},`), "};");
  }

  /** Reads fields from where the reader is. */
  #fields(fields: Fields, options: { unchecked?: string } = {}, outer: Locals = {}): Locals {
    const locals: Record<string, string> = { ...outer };
    let run: [string, AnySchema][] = [];
    const flush = () => {
      const size = run.reduce((sum, [, schema]) => sum + fixedSize(schema)!, 0);
      if (size > 0) {
        const o = this.names.pick("o");
        this.lines.push(`const ${o} = r.take(${size});`);
        this.#run(run, o, locals, options);
      }
      run = [];
    };
    for (const [name, schema] of Object.entries(fields)) {
      if (fixedSize(schema) !== null) {
        run.push([name, schema]);
      } else {
        flush();
        locals[name] = this.#local(name, this.#here(name, node(schema), locals));
      }
    }
    flush();
    return locals;
  }

  /** Reads fields of fixed size that stand one after the other from `o` on. */
  #run(
    run: readonly (readonly [string, AnySchema])[],
    o: string,
    locals: Record<string, string>,
    options: { inline?: boolean; unchecked?: string },
  ): void {
    let offset = 0;
    for (const [name, schema] of run) {
      const s = node(schema);
      const place = { o, offset };
      offset += fixedSize(s)!;
      const raw = s.kind === "enum" && name === options.unchecked;
      const value = raw ? getters[s.scalar]!(atText(place)) : this.#fixed(name, s, place, locals);
      if (value === null) continue;
      locals[name] = options.inline ? value : this.#local(name, value);
      if (s.kind === "scalar" && s.type.includes("64")) this.names.big.add(locals[name]);
    }
  }

  /** An expression for a field of fixed size at an offset; null if it has no value. */
  #fixed(name: string, s: SchemaNode, place: Place, locals: Locals): string | null {
    const at = atText(place);
    switch (s.kind) {
      case "scalar":
        return getters[s.type]!(at);
      case "flags":
      case "count":
        return getters[s.scalar]!(at);
      case "enum":
        return s.open
          ? getters[s.scalar]!(at)
          : `${this.module.enumCheck(s)}(${getters[s.scalar]!(at)})`;
      case "struct":
        return `${this.module.structFunction("read", s)}(r, ${at})`;
      case "bytes":
        return `r.bytes.subarray(${at}, ${at} + ${fixedSize(s)})`;
      case "list": {
        const size = fixedSize(s.item)!;
        const items = Array.from({ length: fixedSize(s)! / size }, (_, index) =>
          this.#fixed(
            name,
            node(s.item),
            { o: place.o, offset: place.offset + index * size },
            locals,
          ),
        );
        return `[\n  ${items.join(",\n  ")},\n]`;
      }
      case "pointer":
        return this.#pointer(name, s, at, locals);
      case "fileDescriptor":
        return null;
      default:
        throw new Error(`a ${s.kind} has no fixed size`);
    }
  }

  #pointer(name: string, s: PointerSchema<unknown>, at: string, locals: Locals): string {
    const target = node(s.target);
    const raw = `r.view.getUint32(${at}, true)`;
    if (target.kind === "struct" || target.kind === "tagged") {
      if (s.null === "empty") throw new Error("a struct is never empty");
      const followed = `${this.#follow(target)}(r, r.pointer(${at}))`;
      return s.null === "allowed" ? `${raw} === 0 ? null : ${followed}` : followed;
    }
    if (s.null === "allowed") throw new Error("a list, block or text is null as empty");
    const local = this.names.pick(name);
    const inner = new Body(this.module, this.names.inner());
    const back = inner.names.pick("back");
    inner.lines.push(`const ${back} = r.jump(r.pointer(${at}));`);
    const value = inner.#here("items", target, locals);
    inner.lines.push(`${local} = ${value};`, `r.at = ${back};`);
    const type = typeText(target, this.module.declarations);
    if (s.null === "forbidden") {
      this.lines.push(`let ${local}: ${type};`, "{");
    } else {
      const empty = { text: '""', bytes: "new Uint8Array(0)" }[target.kind as string] ?? "[]";
      this.lines.push(`let ${local}: ${type} = ${empty};`, `if (${raw} !== 0) {`);
    }
    this.lines.push(...indent(inner.lines), "}");
    return local;
  }

  /** The function that reads a struct elsewhere in the message and comes back. */
  #follow(target: NamedSchema): string {
    const type = this.module.type(target);
    const read = this.module.structFunction("read", target);
    const size = fixedSize(target);
    return this.module.once(`follow${type}`, () => [
      `function follow${type}(r: ${this.module.wireType("Reader")}, offset: number): ${type} {`,
      `  const back = r.jump(offset);`,
      `  const value = ${read}(r${size === null ? "" : `, r.take(${size})`});`,
      `  r.at = back;`,
      `  return value;`,
      `}`,
    ]);
  }

  /** An expression for a value where the reader is, after the statements that it needs. */
  #here(name: string, s: SchemaNode, locals: Locals): string {
    const size = fixedSize(s);
    if (size !== null) {
      const o = this.names.pick("o");
      this.lines.push(`const ${o} = r.take(${size});`);
      return this.#fixed(name, s, { o, offset: 0 }, locals)!;
    }
    switch (s.kind) {
      case "struct":
      case "tagged":
        return `${this.module.structFunction("read", s)}(r)`;
      case "bytes":
        return "rest" in s.length ? "r.rest()" : `r.block(${this.#length(s.length, locals)})`;
      case "text": {
        const read = s.zeroTerminated ? "terminatedText" : "text";
        const rest = "r.bytes.length - r.at";
        return `r.${read}(${"rest" in s.length ? rest : this.#length(s.length, locals)})`;
      }
      case "list":
        return this.#list(name, s.item, s.length, locals);
      case "when": {
        const test = `(${locals[s.flags]} & ${s.bit}) ${s.negated ? "===" : "!=="} 0`;
        return this.#optional(name, test, node(s.schema), locals);
      }
      case "given":
        return this.#optional(
          name,
          `r.context.has(${JSON.stringify(s.context)})`,
          node(s.schema),
          locals,
        );
      default:
        throw new Error(`a ${s.kind} is not read here`);
    }
  }

  #optional(name: string, test: string, schema: SchemaNode, locals: Locals): string {
    const local = this.names.pick(name);
    this.#useTypes(schema);
    const inner = new Body(this.module, this.names.inner());
    const value = inner.#here("items", schema, locals);
    inner.lines.push(`${local} = ${value};`);
    const type = typeText(schema, this.module.declarations);
    const nullable = type.endsWith("| null") ? type : `${type} | null`;
    this.lines.push(`let ${local}: ${nullable} = null;`, `if (${test}) {`);
    this.lines.push(...indent(inner.lines), "}");
    return local;
  }

  #list(name: string, itemSchema: AnySchema, length: Length, locals: Locals): string {
    const item = node(itemSchema);
    const size = fixedSize(item);
    const local = this.names.pick(name);
    const declare = () => {
      this.#useTypes(item);
      const type = typeText(item, this.module.declarations);
      this.lines.push(`const ${local}: ${type.includes("|") ? `(${type})` : type}[] = [];`);
    };
    const inner = new Body(this.module, this.names.inner());
    if ("rest" in length) {
      inner.lines.push(`${local}.push(${inner.#here("item", item, {})});`);
      declare();
      this.lines.push("while (r.at < r.bytes.length) {", ...indent(inner.lines), "}");
      return local;
    }
    const count = this.#length(length, locals);
    if (size === null) {
      // Items of varying size: the least of each must be there before the first is read.
      inner.lines.push(`${local}.push(${inner.#here("item", item, {})});`);
      this.lines.push(`r.require(${times(count, leastSize(item))});`);
      declare();
      this.lines.push(`for (let i = 0; i < ${count}; i++) {`, ...indent(inner.lines), "}");
      return local;
    }
    const at = this.names.pick("at");
    const end = this.names.pick("end");
    inner.lines.push(`${local}.push(${inner.#fixed("item", item, { o: at, offset: 0 }, {})});`);
    this.lines.push(`let ${at} = r.take(${times(count, size)});`);
    declare();
    this.lines.push(
      `for (const ${end} = r.at; ${at} < ${end}; ${at} += ${size}) {`,
      ...indent(inner.lines),
      "}",
    );
    return local;
  }

  #length(length: Length, locals: Locals): string {
    const local = (name: string) => {
      const text = locals[name]!;
      return this.names.big.has(text) ? `Number(${text})` : text;
    };
    if ("fixed" in length) return `${length.fixed}`;
    if ("count" in length) return local(length.count);
    if ("sum" in length) return length.sum.map(local).join(" + ");
    if ("product" in length) return length.product.map(local).join(" * ");
    if ("rest" in length) throw new Error("the rest has no length");
    const { bitsPerPixel, width, height } = length.image;
    const bits = `(${bitsPerPixel} * ${local(width)})`;
    const line = bitsPerPixel === 8 ? local(width) : `Math.ceil(${bits} / 8)`;
    return `${line} * ${local(height)}`;
  }

  /** Makes sure that the type aliases which `typeText` mentions exist. */
  #useTypes(s: SchemaNode): void {
    if (s.kind === "struct" || s.kind === "tagged") this.module.type(s);
    else if (s.kind === "list") this.#useTypes(node(s.item));
    else if (s.kind === "pointer") this.#useTypes(node(s.target));
  }

  /** A local that holds `value`, unless it is one already. */
  #local(name: string, value: string): string {
    if (this.names.has(value)) return value;
    const local = this.names.pick(name);
    this.lines.push(...`const ${local} = ${value};`.split("\n"));
    return local;
  }
}

function times(count: string, size: number): string {
  if (size === 1) return count;
  return `${count.includes("+") ? `(${count})` : count} * ${size}`;
}

// Writes encoding functions, two for each struct and message: one that counts the bytes of a value
// with everything it points to, and one that writes them.

import {
  type AnySchema,
  type Fields,
  type Length,
  node,
  type PointerSchema,
  type SchemaNode,
  type WhenSchema,
} from "@caraway/wire";
import type { MessageList, NamedSchema } from "./declarations.ts";
import { atText, fixedSize, fixedSizeOfFields, isFlat, type Place, typeText } from "./layout.ts";
import { indent, type ModuleText } from "./module-text.ts";

/** Adds `writeX` for a struct (with an offset if its size is fixed) and `sizeX` unless it is flat. */
export function addStructWriter(module: ModuleText, schema: NamedSchema): void {
  const type = module.type(schema);
  const writer = module.wireType("Writer");
  const fixed = fixedSize(schema);
  if (!isFlat(schema)) {
    module.add([
      `export function size${type}(value: ${type}): number {`,
      ...indent(sizeStatements(module, schema)),
      "}",
    ]);
  }
  const body = new Body(module);
  if (schema.kind === "tagged") body.tagged(schema.header, schema.tag, schema.cases);
  else if (fixed === null) body.fields(schema.fields);
  else body.run(Object.entries(schema.fields), "o", schema.fields);
  const parameters = fixed === null ? "" : "o: number, ";
  module.add([
    `export function write${type}(w: ${writer}, ${parameters}value: ${type}): void {`,
    ...indent(body.lines),
    "}",
  ]);
}

/** Adds `sizeX` and `writeX` for a list of messages. */
export function addMessageWriters(
  module: ModuleText,
  list: MessageList,
  base: MessageList | null,
  nameOfMessage: (list: MessageList, index: number) => { owner: string; name: string },
): void {
  const writer = module.wireType("Writer");
  const sizes: string[] = [];
  const writes: string[] = [];
  for (const [index, message] of list.messages.entries()) {
    if (base?.messages.includes(message)) continue;
    const { owner, name } = nameOfMessage(list, index);
    const literal = `case ${JSON.stringify(message.name)}:`;
    const entries = Object.entries(message.fields);
    const type = () =>
      `${module.wireType("MessageBody")}<${list.name}, ${JSON.stringify(message.name)}>`;
    const flat = entries.every(([, field]) => isFlat(field));
    if (!flat && owner === module.name) {
      module.once(`size${name}`, () => [
        `export function size${name}(value: ${type()}): number {`,
        `  return ${sizeOfFields(module, message.fields)};`,
        "}",
      ]);
    }
    if (entries.length > 0 && owner === module.name) {
      module.once(`write${name}`, () => {
        const body = new Body(module);
        body.fields(message.fields);
        return [
          `export function write${name}(w: ${writer}, value: ${type()}): void {`,
          ...indent(body.lines),
          "}",
        ];
      });
    }
    const size = flat
      ? `${fixedSizeOfFields(message.fields)}`
      : `${module.from(owner, `size${name}`)}(message.body)`;
    sizes.push(literal, `  return ${size};`);
    writes.push(literal);
    if (entries.length > 0) {
      writes.push(`  ${module.from(owner, `write${name}`)}(w, message.body);`);
    }
    writes.push(`  return ${message.id};`);
  }
  const other = (verb: string, rest: string) =>
    base === null
      ? []
      : [
          "default:",
          `  return ${module.from(base.module, `${verb}${base.name}`)}(message${rest});`,
        ];
  const aSwitch = (head: string, cases: readonly string[]) => [
    head,
    `  switch (message.name) {`,
    ...indent(indent(cases)),
    `  }`,
    `}`,
  ];
  module.add(
    aSwitch(`export function size${list.name}(message: ${list.name}): number {`, [
      ...sizes,
      ...other("size", ""),
    ]),
  );
  module.add(
    aSwitch(`export function write${list.name}(message: ${list.name}, w: ${writer}): number {`, [
      ...writes,
      ...other("write", ", w"),
    ]),
  );
}

function sizeStatements(module: ModuleText, schema: NamedSchema): string[] {
  if (schema.kind === "struct") return [`return ${sizeOfFields(module, schema.fields)};`];
  const lines = [`switch (value.${schema.tag}) {`];
  for (const [value, fields] of Object.entries(schema.cases)) {
    const size = sizeOfFields(module, { ...schema.header, ...fields });
    lines.push(`  case ${value}:`, `    return ${size};`);
  }
  return [...lines, "  default:", `    throw ${module.wire("refused")};`, "}"];
}

/** An expression for the bytes of all fields of `value`. */
function sizeOfFields(module: ModuleText, fields: Fields): string {
  let fixed = 0;
  const terms: string[] = [];
  for (const [name, field] of Object.entries(fields)) {
    const s = node(field);
    fixed += fixedSize(s) ?? 0;
    if (!isFlat(s)) terms.push(...sizeTerms(module, s, `value.${name}`));
  }
  if (fixed > 0 || terms.length === 0) terms.unshift(`${fixed}`);
  return terms.join(" + ");
}

/** What a field takes beyond its fixed size. */
function sizeTerms(module: ModuleText, s: SchemaNode, value: string): string[] {
  switch (s.kind) {
    case "bytes":
      return [`${value}.length`];
    case "text":
      return [`${module.wire(s.zeroTerminated ? "terminatedSize" : "utf8Size")}(${value})`];
    case "list": {
      if (isFlat(s.item)) {
        const size = fixedSize(s.item)!;
        return [size === 1 ? `${value}.length` : `${value}.length * ${size}`];
      }
      return [`${module.wire("sumOfSizes")}(${value}, ${module.structFunction("size", s.item)})`];
    }
    case "struct":
    case "tagged": {
      // `sizeX` counts the fixed part too, which the sum of a run holds already.
      const whole = `${module.structFunction("size", s)}(${value})`;
      const size = fixedSize(s);
      return size === null ? [whole] : [`(${whole} - ${size})`];
    }
    case "pointer": {
      const target = node(s.target);
      const whole = wholeSize(module, target, value);
      if (s.null === "allowed") return [`(${value} === null ? 0 : ${whole})`];
      if (s.null === "empty" && target.kind === "text") {
        return [`(${value} === "" ? 0 : ${whole})`];
      }
      return [whole];
    }
    case "when": {
      const whole = wholeSize(module, node(s.schema), value);
      return [`(${isNullable(s.schema) ? whenText(s, true) : `${value} === null`} ? 0 : ${whole})`];
    }
    case "given":
      if (isNullable(s.schema)) throw new Error("null would have two meanings");
      return [`(${value} === null ? 0 : ${wholeSize(module, node(s.schema), value)})`];
    default:
      throw new Error(`a ${s.kind} has no size beyond its place`);
  }
}

function wholeSize(module: ModuleText, s: SchemaNode, value: string): string {
  const fixed = fixedSize(s);
  if (s.kind === "struct" && fixed !== null && !isFlat(s)) {
    return `${module.structFunction("size", s)}(${value})`;
  }
  const terms = isFlat(s) ? [] : sizeTerms(module, s, value);
  if (fixed !== null) terms.unshift(`${fixed}`);
  return terms.join(" + ");
}

/** The statements of one function that writes `value`. */
class Body {
  readonly module: ModuleText;
  readonly lines: string[] = [];
  #runs = 0;
  /** Lists of items of one size, each of which walks by a variable of its own. */
  #lists = 0;

  constructor(module: ModuleText) {
    this.module = module;
  }

  tagged(header: Fields, tag: string, cases: Readonly<Record<number, Fields>>): void {
    // The switch refuses what the tag's enum does not name.
    this.fields(header, header, tag);
    this.lines.push(`switch (value.${tag}) {`);
    for (const [value, fields] of Object.entries(cases)) {
      const branch = new Body(this.module);
      branch.#runs = this.#runs;
      branch.#lists = this.#lists;
      branch.fields(fields, { ...header, ...fields });
      const open = branch.lines.some((line) => line.startsWith("const ")) ? " {" : "";
      this.lines.push(`  case ${value}:${open}`, ...indent(indent(branch.lines)), "    break;");
      if (open !== "") this.lines.push("  }");
    }
    this.lines.push("  default:", `    throw ${this.module.wire("refused")};`, "}");
  }

  /** Writes `fields` where the writer is; `scope` has the fields that lengths may name. */
  fields(fields: Fields, scope: Fields = fields, unchecked?: string): void {
    let run: [string, AnySchema][] = [];
    const flush = () => {
      const size = run.reduce((sum, [, schema]) => sum + fixedSize(schema)!, 0);
      if (size > 0) {
        const o = this.#take(`${size}`);
        this.run(run, o, scope, unchecked);
      }
      run = [];
    };
    for (const [name, schema] of Object.entries(fields)) {
      if (fixedSize(schema) !== null) {
        run.push([name, schema]);
      } else {
        flush();
        this.#here(node(schema), `value.${name}`, name, scope);
      }
    }
    flush();
  }

  run(
    run: readonly (readonly [string, AnySchema])[],
    o: string,
    scope: Fields,
    unchecked?: string,
  ): void {
    let offset = 0;
    for (const [name, schema] of run) {
      const s = node(schema);
      const place = { o, offset };
      offset += fixedSize(s)!;
      if (s.kind === "enum" && name === unchecked) {
        this.lines.push(`w.${s.scalar}(${atText(place)}, value.${name});`);
      } else {
        this.#fixed(s, place, `value.${name}`, name, scope);
      }
    }
  }

  #fixed(s: SchemaNode, place: Place, value: string, name: string, scope: Fields): void {
    const at = atText(place);
    switch (s.kind) {
      case "scalar":
        this.lines.push(`w.${s.type}(${at}, ${value});`);
        break;
      case "flags":
        this.lines.push(`w.${s.scalar}(${at}, ${value});`);
        break;
      case "enum": {
        const checked = s.open ? value : `${this.module.enumCheck(s)}(${value})`;
        this.lines.push(`w.${s.scalar}(${at}, ${checked});`);
        break;
      }
      case "count":
        this.lines.push(`w.${s.scalar}(${at}, ${this.#count(s.of, scope)});`);
        break;
      case "struct":
        this.lines.push(`${this.module.structFunction("write", s)}(w, ${at}, ${value});`);
        break;
      case "bytes":
        this.#checkLength(s.length, `${value}.length`, name, scope);
        this.lines.push(`w.bytes.set(${value}, ${at});`);
        break;
      case "list": {
        this.#checkLength(s.length, `${value}.length`, name, scope);
        const size = fixedSize(s.item)!;
        for (let index = 0; index < fixedSize(s)! / size; index++) {
          const itemPlace = { o: place.o, offset: place.offset + index * size };
          this.#fixed(node(s.item), itemPlace, `${value}[${index}]!`, name, scope);
        }
        break;
      }
      case "pointer":
        this.#pointer(s, at, value, name, scope);
        break;
      case "fileDescriptor":
        break;
      default:
        throw new Error(`a ${s.kind} has no fixed size`);
    }
  }

  #pointer(
    s: PointerSchema<unknown>,
    at: string,
    value: string,
    name: string,
    scope: Fields,
  ): void {
    const target = node(s.target);
    const before = this.lines.length;
    if ("length" in target)
      this.#checkLength(target.length, countText(this.module, s, value), name, scope);
    const checks = this.lines.splice(before);
    const point = `w.point(${at}, ${this.#append(target, name)}, ${value});`;
    if (s.null === "allowed") this.lines.push(...checks, `if (${value} !== null) ${point}`);
    else if (s.null === "forbidden") this.lines.push(...checks, point);
    else if (checks.length === 0) this.lines.push(`if (${value}.length !== 0) ${point}`);
    // What is empty is written as a null, whatever other fields say of its length.
    else this.lines.push(`if (${value}.length !== 0) {`, ...indent([...checks, point]), "}");
  }

  /** The function that writes a pointer's target where the writer is. */
  #append(target: SchemaNode, name: string): string {
    const module = this.module;
    if (target.kind === "bytes") return module.wire("appendBlock");
    if (target.kind === "text") {
      return module.wire(target.zeroTerminated ? "appendTerminatedText" : "appendText");
    }
    if (target.kind === "struct" || target.kind === "tagged") {
      const write = module.structFunction("write", target);
      const size = fixedSize(target);
      if (size === null) return write;
      const type = module.type(target);
      return module.once(`append${type}`, () => [
        `function append${type}(w: ${module.wireType("Writer")}, value: ${type}): void {`,
        `  ${write}(w, w.take(${size}), value);`,
        `}`,
      ]);
    }
    if (target.kind !== "list") throw new Error(`a pointer to a ${target.kind} is not written`);
    const item = node(target.item);
    const type = typeText(item, module.declarations);
    const label = `append${name[0]!.toUpperCase()}${name.slice(1)}`;
    const text = () => {
      const body = new Body(module);
      body.#items(item, "value");
      return [
        `function ${label}(w: ${module.wireType("Writer")}, value: readonly ${type}[]): void {`,
        ...indent(body.lines),
        `}`,
      ];
    };
    return module.once(label, text);
  }

  #here(s: SchemaNode, value: string, name: string, scope: Fields): void {
    const size = fixedSize(s);
    if (size !== null) {
      this.#fixed(s, { o: this.#take(`${size}`), offset: 0 }, value, name, scope);
      return;
    }
    switch (s.kind) {
      case "struct":
      case "tagged":
        this.lines.push(`${this.module.structFunction("write", s)}(w, ${value});`);
        break;
      case "bytes":
        this.#checkLength(s.length, `${value}.length`, name, scope);
        this.lines.push(`${this.module.wire("appendBlock")}(w, ${value});`);
        break;
      case "text": {
        this.#checkLength(s.length, countText(this.module, s, value), name, scope);
        const append = s.zeroTerminated ? "appendTerminatedText" : "appendText";
        this.lines.push(`${this.module.wire(append)}(w, ${value});`);
        break;
      }
      case "list":
        this.#checkLength(s.length, `${value}.length`, name, scope);
        this.#items(node(s.item), value);
        break;
      case "when":
        this.#optional(whenText(s, false), node(s.schema), value, name, scope);
        break;
      case "given": {
        const test = `w.context.has(${JSON.stringify(s.context)})`;
        this.#optional(test, node(s.schema), value, name, scope);
        break;
      }
      default:
        throw new Error(`a ${s.kind} is not written here`);
    }
  }

  #optional(test: string, s: SchemaNode, value: string, name: string, scope: Fields): void {
    const refused = this.module.wire("refused");
    const inner = new Body(this.module);
    inner.#runs = this.#runs;
    inner.#lists = this.#lists;
    if (!isNullable(s)) inner.lines.push(`if (${value} === null) throw ${refused};`);
    inner.#here(s, value, name, scope);
    this.lines.push(`if (${test}) {`, ...indent(inner.lines));
    this.lines.push(`} else if (${value} !== null) {`, `  throw ${refused};`, "}");
  }

  #items(item: SchemaNode, value: string): void {
    const size = fixedSize(item);
    const inner = new Body(this.module);
    if (size === null) {
      inner.lines.push(`${this.module.structFunction("write", item)}(w, item);`);
      this.lines.push(`for (const item of ${value}) {`, ...indent(inner.lines), "}");
      return;
    }
    this.#lists += 1;
    const at = this.#lists === 1 ? "at" : `at${this.#lists}`;
    inner.#fixed(item, { o: at, offset: 0 }, "item", "item", {});
    this.lines.push(
      `let ${at} = w.take(${value}.length${size === 1 ? "" : ` * ${size}`});`,
      `for (const item of ${value}) {`,
      ...indent(inner.lines),
      `  ${at} += ${size};`,
      "}",
    );
  }

  /** A length that other fields say too must be what they say. */
  #checkLength(length: Length, actual: string, name: string, scope: Fields): void {
    const stated = this.#stated(length, name, scope);
    if (stated === null) return;
    this.lines.push(`if (${actual} !== ${stated}) throw ${this.module.wire("refused")};`);
  }

  /** What the other fields say; null where nothing else says it. */
  #stated(length: Length, name: string, scope: Fields): string | null {
    const number = (field: string) => {
      const s = node(scope[field]!);
      if (s.kind === "count") return this.#count(s.of, scope);
      const big = s.kind === "scalar" && s.type.includes("64");
      return big ? `Number(value.${field})` : `value.${field}`;
    };
    if ("rest" in length) return null;
    if ("fixed" in length) return `${length.fixed}`;
    if ("count" in length) {
      const s = node(scope[length.count]!);
      return s.kind === "count" && s.of === name ? null : number(length.count);
    }
    if ("sum" in length) return length.sum.map(number).join(" + ");
    if ("product" in length) return length.product.map(number).join(" * ");
    const { bitsPerPixel, width, height } = length.image;
    return `Math.ceil((${bitsPerPixel} * ${number(width)}) / 8) * ${number(height)}`;
  }

  #count(of: string, scope: Fields): string {
    return countText(this.module, node(scope[of]!), `value.${of}`);
  }

  #take(size: string): string {
    this.#runs += 1;
    const o = this.#runs === 1 ? "o" : `o${this.#runs}`;
    this.lines.push(`const ${o} = w.take(${size});`);
    return o;
  }
}

/** What a count field says of a value. */
function countText(module: ModuleText, s: SchemaNode, value: string): string {
  switch (s.kind) {
    case "list":
    case "bytes":
      return `${value}.length`;
    case "text":
      return `${module.wire(s.zeroTerminated ? "terminatedSize" : "utf8Size")}(${value})`;
    case "pointer": {
      const target = node(s.target);
      const count = countText(module, target, value);
      return s.null === "empty" && target.kind === "text" && target.zeroTerminated
        ? `(${value} === "" ? 0 : ${count})`
        : count;
    }
    case "when":
    case "given":
      return `(${value} === null ? 0 : ${countText(module, node(s.schema), value)})`;
    default:
      throw new Error(`a ${s.kind} has no length to count`);
  }
}

/** The condition of a conditional field, or its opposite. */
function whenText(s: WhenSchema<unknown>, opposite: boolean): string {
  return `(value.${s.flags} & ${s.bit}) ${s.negated !== opposite ? "===" : "!=="} 0`;
}

function isNullable(schema: AnySchema): boolean {
  const s = node(schema);
  return s.kind === "pointer" && s.null === "allowed";
}

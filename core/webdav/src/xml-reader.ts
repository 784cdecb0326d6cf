// The small XML bodies of WebDAV requests: elements, namespaces and text. What a request never needs
// is refused: document types, entities of one's own, depth and number beyond bounds.

import { decodeUtf8 } from "@caraway/wire";
import { HttpFault } from "./http-fault.ts";

export interface XmlElement {
  readonly namespace: string;
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** All text inside, also that of children. */
  readonly text: string;
}

const depthMax = 24;
const elementsMax = 500;

const name = "[A-Za-z_\\u0080-\\uffff][\\w.\\-\\u0080-\\uffff]*";
const qualified = `(?:${name}:)?${name}`;
const openTag = new RegExp(
  `<(${qualified})((?:\\s+${qualified}\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)>`,
  "y",
);
const attribute = new RegExp(`(${qualified})\\s*=\\s*(?:"([^"<]*)"|'([^'<]*)')`, "g");
const closeTag = new RegExp(`</(${qualified})\\s*>`, "y");
const text = /[^<]+/y;
const passedOver = /<\?[^>]*\?>|<!--(?:(?!--)[\s\S])*-->/y;
const cdata = /<!\[CDATA\[((?:(?!\]\]>)[\s\S])*)\]\]>/y;
const entities: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
};

type Scope = ReadonlyMap<string, string>;

/** @throws HttpFault 400 when it is no XML, or more than a request needs. */
export function readXml(bytes: Uint8Array): XmlElement {
  const source = decodeUtf8(bytes).replace(/^\ufeff/, "");
  const reader = new Reader(source);
  return reader.document();
}

class Reader {
  readonly #source: string;
  #at = 0;
  #elements = 0;

  constructor(source: string) {
    this.#source = source;
  }

  document(): XmlElement {
    this.#skip();
    const root = this.#element(new Map([["xml", "http://www.w3.org/XML/1998/namespace"]]), 0);
    this.#skip();
    if (root === null || this.#at < this.#source.length) throw malformed("no XML document");
    return root;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  /** White space, comments and instructions between elements. */
  #skip(): void {
    while (this.#match(/\s+/y) !== null || this.#match(passedOver) !== null);
  }

  /** Null: here is none. */
  #element(outer: Scope, depth: number): XmlElement | null {
    const open = this.#match(openTag);
    if (open === null) return null;
    if (depth > depthMax || ++this.#elements > elementsMax) throw malformed("XML without end");
    const [, tag = "", attributes = "", slash] = open;
    const scope = scopeOf(outer, attributes);
    const [prefix, local] = split(tag);
    const namespace = scope.get(prefix);
    if (namespace === undefined && prefix !== "") throw malformed("a prefix without a namespace");
    const children: XmlElement[] = [];
    let content = "";
    if (slash === "") {
      for (let close = this.#match(closeTag); ; close = this.#match(closeTag)) {
        if (close !== null) {
          if (close[1] !== tag) throw malformed("elements overlap");
          break;
        }
        const child = this.#element(scope, depth + 1);
        if (child !== null) {
          children.push(child);
          content += child.text;
        } else content += this.#text();
      }
    }
    return { namespace: namespace ?? "", name: local, children, text: content };
  }

  #text(): string {
    const plain = this.#match(text);
    if (plain !== null) return unescaped(plain[0]);
    const raw = this.#match(cdata);
    if (raw !== null) return raw[1]!;
    if (this.#match(passedOver) !== null) return "";
    throw malformed("no XML");
  }
}

function scopeOf(outer: Scope, attributes: string): Scope {
  const scope = new Map(outer);
  for (const [, key = "", double, simple] of attributes.matchAll(attribute)) {
    const value = unescaped(double ?? simple ?? "");
    if (key === "xmlns") scope.set("", value);
    else if (key.startsWith("xmlns:")) {
      if (value === "") throw malformed("a prefix for nothing");
      scope.set(key.slice(6), value);
    }
  }
  return scope;
}

function split(tag: string): [prefix: string, local: string] {
  const colon = tag.indexOf(":");
  return colon < 0 ? ["", tag] : [tag.slice(0, colon), tag.slice(colon + 1)];
}

function unescaped(written: string): string {
  return written.replace(/&(#x[0-9a-fA-F]{1,6}|#\d{1,7}|\w*);?/g, (whole, what: string) => {
    const known = entities[what];
    if (known !== undefined && whole.endsWith(";")) return known;
    const point = what.startsWith("#x")
      ? Number.parseInt(what.slice(2), 16)
      : what.startsWith("#")
        ? Number(what.slice(1))
        : Number.NaN;
    if (!(point > 0 && point <= 0x10ffff) || !whole.endsWith(";")) throw malformed("an entity");
    return String.fromCodePoint(point);
  });
}

/** An element that stands for itself, wherever it is put. Text beside elements is left out. */
export function writeXml({ namespace, name, children, text }: XmlElement): string {
  const [tag, declared] =
    namespace === "" ? [name, ' xmlns=""'] : [`n:${name}`, ` xmlns:n="${escapeXml(namespace)}"`];
  const content = children.length > 0 ? children.map(writeXml).join("") : escapeXml(text);
  return `<${tag}${declared}>${content}</${tag}>`;
}

/** Text as it may stand in an element or attribute. */
export function escapeXml(written: string): string {
  return written.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function malformed(detail: string): HttpFault {
  return new HttpFault(400, `the body is refused: ${detail}`);
}

// The subject of a certificate as an ordered list of entries, read from its DER form, and the
// comparison with a subject written as text (`O=Example,CN=host`). Same verdicts as the subject
// check of spice-common: the text's escapes, the number and order of entries, and OpenSSL's
// canonical comparison of values (case and runs of white space do not count).

/** One attribute: dotted object identifier and value. */
export interface NameEntry {
  readonly oid: string;
  readonly value: string;
}

const attributeOids = new Map<string, string>(
  Object.entries({
    CN: "2.5.4.3",
    commonName: "2.5.4.3",
    SN: "2.5.4.4",
    surname: "2.5.4.4",
    serialNumber: "2.5.4.5",
    C: "2.5.4.6",
    countryName: "2.5.4.6",
    L: "2.5.4.7",
    localityName: "2.5.4.7",
    ST: "2.5.4.8",
    stateOrProvinceName: "2.5.4.8",
    street: "2.5.4.9",
    streetAddress: "2.5.4.9",
    O: "2.5.4.10",
    organizationName: "2.5.4.10",
    OU: "2.5.4.11",
    organizationalUnitName: "2.5.4.11",
    title: "2.5.4.12",
    description: "2.5.4.13",
    businessCategory: "2.5.4.15",
    postalCode: "2.5.4.17",
    name: "2.5.4.41",
    GN: "2.5.4.42",
    givenName: "2.5.4.42",
    initials: "2.5.4.43",
    generationQualifier: "2.5.4.44",
    dnQualifier: "2.5.4.46",
    pseudonym: "2.5.4.65",
    organizationIdentifier: "2.5.4.97",
    emailAddress: "1.2.840.113549.1.9.1",
    UID: "0.9.2342.19200300.100.1.1",
    userId: "0.9.2342.19200300.100.1.1",
    DC: "0.9.2342.19200300.100.1.25",
    domainComponent: "0.9.2342.19200300.100.1.25",
  }),
);

/** Reads a subject as people configure it; null where the text is not a subject. */
export function parseSubject(text: string): NameEntry[] | null {
  const entries: NameEntry[] = [];
  let key = "";
  let value: string | null = null;
  for (let at = 0; at <= text.length; at++) {
    let character = text[at];
    let escaped = false;
    if (character === "\\") {
      character = text[++at];
      if (character !== "\\" && character !== ",") return null;
      escaped = true;
    }
    const ends = character === undefined || (character === "," && !escaped);
    if (value === null) {
      if (character === " " && key === "") continue;
      // A comma at the very end is allowed; a key without a value is not.
      if (character === undefined) return key === "" ? entries : null;
      if (ends) return null;
      if (character === "=" && !escaped) value = "";
      else key += character;
    } else if (ends) {
      const oid = attributeOids.get(key) ?? (/^\d+(\.\d+)+$/.test(key) ? key : undefined);
      if (oid === undefined || value === "") return null;
      entries.push({ oid, value });
      if (character === undefined) return entries;
      key = "";
      value = null;
    } else {
      value += character;
    }
  }
  return entries;
}

/** Whether a certificate (DER) carries exactly this subject. */
export function subjectMatches(certificate: Uint8Array, subject: string): boolean {
  const wanted = parseSubject(subject);
  const actual = readSubject(certificate);
  if (wanted === null || actual === null || wanted.length !== actual.length) return false;
  return wanted.every((entry, index) => {
    const other = actual[index]!;
    return entry.oid === other.oid && canonical(entry.value) === canonical(other.value);
  });
}

function canonical(value: string): string {
  return value
    .replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, "")
    .replace(/[ \t\n\v\f\r]+/g, " ")
    .replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Entries as text, for messages to people. */
export function formatName(entries: readonly NameEntry[]): string {
  return entries
    .map(({ oid, value }) => {
      const known = [...attributeOids].find(([, identifier]) => identifier === oid);
      const key = known?.[0] ?? oid;
      return `${key}=${value.replace(/[\\,]/g, "\\$&")}`;
    })
    .join(",");
}

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const OBJECT_IDENTIFIER = 0x06;
const VERSION = 0xa0;

function readElements(bytes: Uint8Array): Element[] | null {
  const elements: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at++]!;
    let length = bytes[at++] ?? Number.NaN;
    if (length > 0x80 && length <= 0x84) {
      const digits = length & 0x7f;
      length = 0;
      for (let digit = 0; digit < digits; digit++)
        length = length * 256 + (bytes[at++] ?? Number.NaN);
    } else if (!(length < 0x80)) {
      return null;
    }
    if (!(at + length <= bytes.length)) return null;
    elements.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return elements;
}

/** The subject of a DER certificate, in order; null where it has an entry that has no text. */
export function readSubject(certificate: Uint8Array): NameEntry[] | null {
  const outer = readElements(certificate)?.[0];
  const signed = outer && readElements(outer.content)?.[0];
  const fields = signed && readElements(signed.content);
  if (!fields) return null;
  // Before the subject: an optional version, then serial, algorithm, issuer and validity.
  const subject = fields[fields[0]?.tag === VERSION ? 5 : 4];
  const sets = subject?.tag === SEQUENCE ? readElements(subject.content) : null;
  if (!sets) return null;
  const entries: NameEntry[] = [];
  for (const set of sets) {
    const attributes = set.tag === SET ? readElements(set.content) : null;
    // A set of several attributes never equals a subject that was written as a list.
    if (attributes?.length !== 1) return null;
    const pair = readElements(attributes[0]!.content);
    if (pair?.length !== 2 || pair[0]!.tag !== OBJECT_IDENTIFIER) return null;
    const value = readText(pair[1]!);
    if (value === null) return null;
    entries.push({ oid: readOid(pair[0]!.content), value });
  }
  return entries;
}

function readOid(content: Uint8Array): string {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (numbers.length === 0) {
      const first = Math.min(2, Math.floor(value / 40));
      numbers.push(first, value - first * 40);
    } else {
      numbers.push(value);
    }
    value = 0;
  }
  return numbers.join(".");
}

function readText({ tag, content }: Element): string | null {
  switch (tag) {
    case 0x0c:
      return Buffer.from(content).toString("utf8");
    case 0x13: // PrintableString
    case 0x14: // TeletexString, which OpenSSL reads as Latin-1
    case 0x16: // IA5String
    case 0x1a: // VisibleString
      return Buffer.from(content).toString("latin1");
    case 0x1e:
      return readCodePoints(content, 2);
    case 0x1c:
      return readCodePoints(content, 4);
    default:
      return null;
  }
}

/** BMPString and UniversalString: big-endian code points of a fixed size. */
function readCodePoints(content: Uint8Array, size: 2 | 4): string | null {
  if (content.length % size !== 0) return null;
  let text = "";
  for (let at = 0; at < content.length; at += size) {
    let point = 0;
    for (let byte = 0; byte < size; byte++) point = point * 256 + content[at + byte]!;
    if (point > 0x10ffff) return null;
    text += String.fromCodePoint(point);
  }
  return text;
}

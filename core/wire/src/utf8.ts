// UTF-8 without the host's TextDecoder and TextEncoder, which the pure tier does not have. What is
// malformed becomes U+FFFD in both directions, as the Encoding Standard does it.

const replacement = 0xfffd;
/** Code units that one `String.fromCharCode` call takes. */
const batch = 4096;

/** Decodes `bytes[start, end)`; never throws. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = "";
  let units: number[] = [];
  let at = start;
  while (at < end) {
    const lead = bytes[at++]!;
    let point = lead;
    if (lead >= 0x80) {
      // The first continuation byte has a narrower range after some lead bytes: this keeps out
      // overlong forms, surrogates and everything above U+10FFFF.
      let lower = 0x80;
      let upper = 0xbf;
      let missing = 0;
      if (lead >= 0xc2 && lead <= 0xdf) {
        missing = 1;
        point = lead & 0x1f;
      } else if (lead >= 0xe0 && lead <= 0xef) {
        missing = 2;
        point = lead & 0x0f;
        if (lead === 0xe0) lower = 0xa0;
        if (lead === 0xed) upper = 0x9f;
      } else if (lead >= 0xf0 && lead <= 0xf4) {
        missing = 3;
        point = lead & 0x07;
        if (lead === 0xf0) lower = 0x90;
        if (lead === 0xf4) upper = 0x8f;
      } else {
        point = replacement;
      }
      while (missing > 0) {
        const next = at < end ? bytes[at]! : -1;
        if (next < lower || next > upper) {
          point = replacement;
          break;
        }
        point = (point << 6) | (next & 0x3f);
        lower = 0x80;
        upper = 0xbf;
        at += 1;
        missing -= 1;
      }
    }
    if (point > 0xffff) {
      units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
    } else {
      units.push(point);
    }
    if (units.length >= batch) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text + String.fromCharCode(...units);
}

/** Bytes that `encodeUtf8` gives for `text`. */
export function utf8Size(text: string): number {
  let size = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) size += 1;
    else if (unit < 0x800) size += 2;
    else if (isPair(text, at, unit)) {
      size += 4;
      at += 1;
    } else size += 3;
  }
  return size;
}

/** Writes `text` into `target` from `at` on and returns where it ends. */
export function writeUtf8(text: string, target: Uint8Array, at: number): number {
  let to = at;
  for (let from = 0; from < text.length; from++) {
    let point = text.charCodeAt(from);
    if (point < 0x80) {
      target[to++] = point;
    } else if (point < 0x800) {
      target[to++] = 0xc0 | (point >> 6);
      target[to++] = 0x80 | (point & 0x3f);
    } else if (isPair(text, from, point)) {
      point = 0x10000 + ((point - 0xd800) << 10) + (text.charCodeAt(++from) - 0xdc00);
      target[to++] = 0xf0 | (point >> 18);
      target[to++] = 0x80 | ((point >> 12) & 0x3f);
      target[to++] = 0x80 | ((point >> 6) & 0x3f);
      target[to++] = 0x80 | (point & 0x3f);
    } else {
      if (point >= 0xd800 && point <= 0xdfff) point = replacement;
      target[to++] = 0xe0 | (point >> 12);
      target[to++] = 0x80 | ((point >> 6) & 0x3f);
      target[to++] = 0x80 | (point & 0x3f);
    }
  }
  return to;
}

export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Size(text));
  writeUtf8(text, bytes, 0);
  return bytes;
}

function isPair(text: string, at: number, unit: number): boolean {
  if (unit < 0xd800 || unit > 0xdbff) return false;
  const next = text.charCodeAt(at + 1);
  return next >= 0xdc00 && next <= 0xdfff;
}

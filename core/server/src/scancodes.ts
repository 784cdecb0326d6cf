// Scancode bytes of a PC/AT keyboard, set 1, to keys that go down and up.

export interface KeyChange {
  /** One byte, `0xe000 | byte`, or 0xe11d45 for Pause. */
  readonly code: number;
  readonly down: boolean;
}

const releaseBit = 0x80;

export class ScancodeReader {
  /** Prefix bytes of a key that is not whole. */
  #pending: number[] = [];

  get pending(): Uint8Array {
    return Uint8Array.from(this.#pending);
  }

  /** Bytes that came to another server. */
  resume(pending: Uint8Array): void {
    this.#pending = [...pending];
  }

  push(byte: number): KeyChange | null {
    const [first] = this.#pending;
    if (first === undefined) {
      if (byte !== 0xe0 && byte !== 0xe1) return change(byte, 0);
      this.#pending = [byte];
      return null;
    }
    if (first === 0xe0) {
      this.#pending = [];
      return change(byte, 0xe000);
    }
    // 0xe1 has two bytes behind it, both with the release bit or both without.
    this.#pending.push(byte);
    if (this.#pending.length < 3) return null;
    const [, middle = 0, last = 0] = this.#pending;
    this.#pending = [];
    const code = 0xe10000 | ((middle & ~releaseBit) << 8) | (last & ~releaseBit);
    return { code, down: (last & releaseBit) === 0 };
  }
}

function change(byte: number, prefix: number): KeyChange {
  return { code: prefix | (byte & ~releaseBit), down: (byte & releaseBit) === 0 };
}

/** Bytes of KEY_DOWN and KEY_UP, whose code holds them lowest first and ends with a zero. */
export function codeBytes(code: number): number[] {
  const bytes: number[] = [];
  for (let shift = 0; shift < 32; shift += 8) {
    const byte = (code >>> shift) & 0xff;
    if (byte === 0) break;
    bytes.push(byte);
  }
  return bytes;
}

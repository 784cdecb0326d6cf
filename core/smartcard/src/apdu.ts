// Commands to a card and its answers, by ISO/IEC 7816-4: short and extended lengths, all four cases.

/** Status words. */
export const Sw = {
  OK: 0x9000,
  /** The low byte: tries that are left. */
  VERIFICATION_FAILED: 0x63c0,
  /** The low byte: bytes that wait for GET RESPONSE, 0 for 256 and more. */
  BYTES_REMAINING: 0x6100,
  WRONG_LENGTH: 0x6700,
  LAST_COMMAND_EXPECTED: 0x6883,
  SECURITY_NOT_SATISFIED: 0x6982,
  BLOCKED: 0x6983,
  CONDITIONS_NOT_SATISFIED: 0x6985,
  WRONG_DATA: 0x6a80,
  NOT_FOUND: 0x6a82,
  WRONG_P1_P2: 0x6a86,
  REFERENCE_NOT_FOUND: 0x6a88,
  INSTRUCTION_UNKNOWN: 0x6d00,
  CLASS_UNKNOWN: 0x6e00,
  FAILED: 0x6f00,
} as const;

export interface CommandApdu {
  /** CLA and INS. */
  readonly classByte: number;
  readonly instruction: number;
  readonly p1: number;
  readonly p2: number;
  readonly data: Uint8Array;
  /** Bytes of the answer that are taken (Le); 0 for none. */
  readonly expected: number;
}

/** null: it is no command. */
export function parseCommand(bytes: Uint8Array): CommandApdu | null {
  if (bytes.length < 4) return null;
  const [classByte, instruction, p1, p2] = bytes as unknown as [number, number, number, number];
  const head = { classByte, instruction, p1, p2 };
  const none = new Uint8Array(0);
  if (bytes.length === 4) return { ...head, data: none, expected: 0 };
  const first = bytes[4]!;
  if (bytes.length === 5) return { ...head, data: none, expected: first || 256 };
  if (first !== 0) return withData(head, bytes, 5, first, 1);
  if (bytes.length < 7) return null;
  const length = (bytes[5]! << 8) | bytes[6]!;
  if (bytes.length === 7) return { ...head, data: none, expected: length || 65_536 };
  return withData(head, bytes, 7, length, 2);
}

function withData(
  head: Omit<CommandApdu, "data" | "expected">,
  bytes: Uint8Array,
  from: number,
  length: number,
  sizeOfLe: 1 | 2,
): CommandApdu | null {
  const end = from + length;
  const data = bytes.subarray(from, end);
  if (length === 0) return null;
  if (bytes.length === end) return { ...head, data, expected: 0 };
  if (bytes.length !== end + sizeOfLe) return null;
  const expected =
    sizeOfLe === 1 ? bytes[end]! || 256 : (bytes[end]! << 8) | bytes[end + 1]! || 65_536;
  return { ...head, data, expected };
}

/** An answer: data, then the status word. */
export function responseApdu(data: Uint8Array, status: number): Uint8Array {
  const bytes = new Uint8Array(data.length + 2);
  bytes.set(data);
  bytes[data.length] = status >> 8;
  bytes[data.length + 1] = status & 0xff;
  return bytes;
}

// A card made of software: the PIV application of NIST SP 800-73-4 with keys that somebody else
// holds. A machine under the law of all others: commands in, answers out, and what needs a private
// key is work that its owner does and answers.
//
// It is for tests, demonstrations and a certificate from a file: whoever can read the process can
// read the keys.

import { joinBytes } from "@caraway/wire";
import { type CommandApdu, parseCommand, responseApdu, Sw } from "./apdu.ts";
import { CardError } from "./card-error.ts";
import {
  applicationProperties,
  cardObjects,
  type PivSlot,
  pivAid,
  pivSlots,
} from "./piv-objects.ts";
import { readTlvs, tlv } from "./tlv.ts";

export interface PivKey {
  readonly slot: PivSlot;
  /** RSA. */
  readonly bits: 1024 | 2048;
  /** X.509, DER. */
  readonly certificate: Uint8Array;
}

export interface PivCardOptions {
  readonly keys: readonly PivKey[];
  /** Six to eight digits. */
  readonly pin: string;
  /** Unblocks the PIN; eight digits. Without it a blocked card stays so. */
  readonly puk?: string;
  /** 16 bytes by which cards are told apart. */
  readonly guid: Uint8Array;
}

export type CardInput =
  /** A command APDU; one at a time. */
  | { readonly type: "command"; readonly bytes: Uint8Array }
  /** Answers `work`: as many bytes as the key has, or null when it failed. */
  | { readonly type: "done"; readonly task: number; readonly data: Uint8Array | null }
  /** Power off and on: nothing is selected, nobody verified. */
  | { readonly type: "reset" };

export type CardOutput =
  | { readonly type: "response"; readonly bytes: Uint8Array }
  /** The private key's operation of RSA on a whole block that is padded already. */
  | {
      readonly type: "work";
      readonly task: number;
      readonly slot: PivSlot;
      readonly block: Uint8Array;
    };

const Instruction = {
  VERIFY: 0x20,
  CHANGE_REFERENCE_DATA: 0x24,
  RESET_RETRY_COUNTER: 0x2c,
  GENERAL_AUTHENTICATE: 0x87,
  SELECT: 0xa4,
  GET_RESPONSE: 0xc0,
  GET_DATA: 0xcb,
  PUT_DATA: 0xdb,
  GENERATE_KEY: 0x47,
} as const;

const chainBit = 0x10;
/** Bytes of a command in several parts; the largest is a signature's block. */
const chainMax = 4096;
const pinKey = 0x80;
const pukKey = 0x81;
const secretSize = 8;
const triesMax = 3;
/** The least of the AID that selects the application: without its version. */
const selectMin = 9;
const algorithms = { 1024: 0x06, 2048: 0x07 } as const;
const none = new Uint8Array(0);

interface Secret {
  value: string;
  tries: number;
}

interface Chain {
  readonly command: CommandApdu;
  readonly data: Uint8Array;
}

export class PivCard {
  readonly #keys: ReadonlyMap<number, PivKey>;
  readonly #objects: ReadonlyMap<number, Uint8Array>;
  readonly #pin: Secret;
  readonly #puk: Secret | null;
  readonly #outputs: CardOutput[] = [];
  #isSelected = false;
  /** `fresh`: nothing came behind VERIFY. */
  #verified: "no" | "yes" | "fresh" = "no";
  #chain: Chain | null = null;
  /** Of an answer that the guest fetches in parts. */
  #remaining: Uint8Array = none;
  #nextTask = 1;
  #task: { readonly number: number; readonly size: number; readonly expected: number } | null =
    null;

  /** @throws CardError BAD_CARD */
  constructor({ keys, pin, puk, guid }: PivCardOptions) {
    if (!/^\d{6,8}$/.test(pin)) throw bad("a PIN has six to eight digits");
    if (puk !== undefined && !/^\d{8}$/.test(puk)) throw bad("a PUK has eight digits");
    if (guid.length !== 16) throw bad(`a GUID of ${guid.length} bytes`);
    const certificates = new Map(keys.map(({ slot, certificate }) => [slot, certificate] as const));
    if (certificates.size !== keys.length) throw bad("two keys for one slot");
    for (const certificate of certificates.values()) {
      if (certificate.length > 0x7fff) throw bad(`a certificate of ${certificate.length} bytes`);
    }
    this.#keys = new Map(keys.map((key) => [pivSlots[key.slot].key, key]));
    this.#objects = cardObjects(guid, certificates);
    this.#pin = { value: pin, tries: triesMax };
    this.#puk = puk === undefined ? null : { value: puk, tries: triesMax };
  }

  /** The answer to reset: protocol T=0, and who it is. */
  get atr(): Uint8Array {
    const name = [..."Caraway"].map((letter) => letter.charCodeAt(0));
    const history = [0x80, 0x50 | name.length, ...name];
    return Uint8Array.of(0x3b, history.length, ...history);
  }

  handle(input: CardInput): void {
    switch (input.type) {
      case "command":
        this.#take(input.bytes);
        break;
      case "done": {
        const task = this.#task;
        if (task === null || task.number !== input.task) return;
        this.#task = null;
        const { data } = input;
        if (data?.length !== task.size) this.#respond(Sw.FAILED);
        else this.#reply(tlv(0x7c, tlv(0x82, data)), task.expected);
        break;
      }
      case "reset":
        this.#isSelected = false;
        this.#verified = "no";
        this.#chain = null;
        this.#remaining = none;
        this.#task = null;
        break;
    }
  }

  poll(): CardOutput | null {
    return this.#outputs.shift() ?? null;
  }

  snapshot(): unknown {
    return {
      isSelected: this.#isSelected,
      verified: this.#verified,
      tries: this.#pin.tries,
      remaining: this.#remaining.length,
      isWorking: this.#task !== null,
    };
  }

  #take(bytes: Uint8Array): void {
    const status = this.#run(bytes);
    if (status !== null) this.#respond(status);
  }

  /** A status word to answer with; null: it is answered, or will be. */
  #run(bytes: Uint8Array): number | null {
    const part = parseCommand(bytes);
    if (part === null) return Sw.WRONG_LENGTH;
    if ((part.classByte & ~chainBit) !== 0) return Sw.CLASS_UNKNOWN;
    if (this.#task !== null) return Sw.CONDITIONS_NOT_SATISFIED;
    if (part.instruction === Instruction.GET_RESPONSE) return this.#getResponse(part);
    this.#remaining = none;
    const command = this.#chained(part);
    if (command === null) return null;
    const verified = this.#verified;
    if (verified === "fresh") this.#verified = "yes";
    switch (command.instruction) {
      case Instruction.SELECT:
        return this.#select(command);
      case Instruction.GET_DATA:
        return this.#getData(command);
      case Instruction.VERIFY:
        return this.#verify(command);
      case Instruction.CHANGE_REFERENCE_DATA:
        return this.#change(command);
      case Instruction.RESET_RETRY_COUNTER:
        return this.#unblock(command);
      case Instruction.GENERAL_AUTHENTICATE:
        return this.#authenticate(command, verified);
      case Instruction.PUT_DATA:
      case Instruction.GENERATE_KEY:
        // There is no key of an administrator.
        return Sw.SECURITY_NOT_SATISFIED;
      default:
        return Sw.INSTRUCTION_UNKNOWN;
    }
  }

  /** The command with the data of all its parts; null, and answered, while parts are to come. */
  #chained(part: CommandApdu): CommandApdu | null {
    const chain = this.#chain;
    this.#chain = null;
    if (chain !== null && !isSame(chain.command, part)) {
      this.#respond(Sw.LAST_COMMAND_EXPECTED);
      return null;
    }
    const data = chain === null ? part.data : joinBytes([chain.data, part.data]);
    if (data.length > chainMax) {
      this.#respond(Sw.WRONG_LENGTH);
      return null;
    }
    if ((part.classByte & chainBit) === 0) return { ...part, data };
    this.#chain = { command: part, data };
    this.#respond(Sw.OK);
    return null;
  }

  #select({ p1, data, expected }: CommandApdu): number | null {
    const isOurs = data.length >= selectMin && data.every((byte, at) => byte === pivAid[at]);
    if (p1 !== 4 || !isOurs) return Sw.NOT_FOUND;
    this.#isSelected = true;
    const label = [..."Caraway PIV"].map((letter) => letter.charCodeAt(0));
    return this.#reply(applicationProperties(Uint8Array.from(label)), expected);
  }

  #getData({ p1, p2, data, expected }: CommandApdu): number | null {
    if (p1 !== 0x3f || p2 !== 0xff) return Sw.WRONG_P1_P2;
    if (data[0] !== 0x5c || data[1] !== data.length - 2) return Sw.WRONG_DATA;
    const tag = data.subarray(2).reduce((number, byte) => number * 256 + byte, 0);
    const object = this.#isSelected ? this.#objects.get(tag) : undefined;
    if (object === undefined) return Sw.NOT_FOUND;
    return this.#reply(object, expected);
  }

  #verify({ p1, p2, data }: CommandApdu): number | null {
    if (p2 !== pinKey) return Sw.REFERENCE_NOT_FOUND;
    if (p1 === 0xff && data.length === 0) {
      this.#verified = "no";
      return Sw.OK;
    }
    if (p1 !== 0) return Sw.WRONG_P1_P2;
    if (data.length === 0) {
      return this.#verified === "no" ? failed(this.#pin) : Sw.OK;
    }
    const status = check(this.#pin, data);
    this.#verified = status === Sw.OK ? "fresh" : "no";
    return status;
  }

  #change({ p1, p2, data }: CommandApdu): number | null {
    const secret = p2 === pinKey ? this.#pin : p2 === pukKey ? this.#puk : null;
    if (secret === null) return Sw.REFERENCE_NOT_FOUND;
    if (p1 !== 0 || data.length !== 2 * secretSize) return Sw.WRONG_DATA;
    return this.#setSecret(secret, secret, data);
  }

  #unblock({ p1, p2, data }: CommandApdu): number | null {
    if (p2 !== pinKey || this.#puk === null) return Sw.REFERENCE_NOT_FOUND;
    if (p1 !== 0 || data.length !== 2 * secretSize) return Sw.WRONG_DATA;
    return this.#setSecret(this.#puk, this.#pin, data);
  }

  /** `data` has what `proof` is, then what `secret` becomes. */
  #setSecret(proof: Secret, secret: Secret, data: Uint8Array): number {
    const status = check(proof, data.subarray(0, secretSize));
    if (status !== Sw.OK) return status;
    const value = secretText(data.subarray(secretSize));
    if (value === null) return Sw.WRONG_DATA;
    secret.value = value;
    secret.tries = triesMax;
    return Sw.OK;
  }

  #authenticate(
    { p1, p2, data, expected }: CommandApdu,
    verified: "no" | "yes" | "fresh",
  ): number | null {
    const key = this.#isSelected ? this.#keys.get(p2) : undefined;
    if (key === undefined) return Sw.REFERENCE_NOT_FOUND;
    if (p1 !== algorithms[key.bits]) return Sw.WRONG_P1_P2;
    const { pin } = pivSlots[key.slot];
    const isAllowed =
      pin === "never" || verified === "fresh" || (pin === "once" && verified === "yes");
    if (!isAllowed) return Sw.SECURITY_NOT_SATISFIED;
    const template = readTlvs(data)?.find(({ tag }) => tag === 0x7c);
    const parts = template === undefined ? null : readTlvs(template.value);
    const block = parts?.find(({ tag }) => tag === 0x81)?.value;
    const wantsAnswer = parts?.some(({ tag, value }) => tag === 0x82 && value.length === 0);
    if (block?.length !== key.bits / 8 || wantsAnswer !== true) return Sw.WRONG_DATA;
    const number = this.#nextTask++;
    this.#task = { number, size: block.length, expected };
    this.#outputs.push({ type: "work", task: number, slot: key.slot, block: block.slice() });
    return null;
  }

  #getResponse({ expected }: CommandApdu): number | null {
    if (this.#remaining.length === 0) return Sw.CONDITIONS_NOT_SATISFIED;
    return this.#reply(this.#remaining, expected);
  }

  /** As much as is taken; the rest waits for GET RESPONSE. */
  #reply(data: Uint8Array, expected: number): null {
    const part = data.subarray(0, expected);
    this.#remaining = data.subarray(part.length);
    const left = this.#remaining.length;
    const status = left === 0 ? Sw.OK : Sw.BYTES_REMAINING | (left > 0xff ? 0 : left);
    this.#outputs.push({ type: "response", bytes: responseApdu(part, status) });
    return null;
  }

  #respond(status: number): void {
    this.#outputs.push({ type: "response", bytes: responseApdu(none, status) });
  }
}

/** A status word for data that should be the secret. */
function check(secret: Secret, data: Uint8Array): number {
  if (secret.tries === 0) return Sw.BLOCKED;
  const text = data.length === secretSize ? secretText(data) : null;
  if (text === null) return Sw.WRONG_DATA;
  if (text === secret.value) {
    secret.tries = triesMax;
    return Sw.OK;
  }
  secret.tries -= 1;
  return failed(secret);
}

function failed({ tries }: Secret): number {
  return tries === 0 ? Sw.BLOCKED : Sw.VERIFICATION_FAILED | tries;
}

/** Digits, filled up with 0xff; null if it is none such. */
function secretText(data: Uint8Array): string | null {
  const end = data.indexOf(0xff);
  const digits = end < 0 ? data : data.subarray(0, end);
  const isFilled = data.subarray(digits.length).every((byte) => byte === 0xff);
  const isNumber = digits.every((byte) => byte >= 0x30 && byte <= 0x39);
  return isFilled && isNumber && digits.length >= 6 ? String.fromCharCode(...digits) : null;
}

/** Whether it may be the next part of the same command. */
function isSame(first: CommandApdu, next: CommandApdu): boolean {
  return first.instruction === next.instruction && first.p1 === next.p1 && first.p2 === next.p2;
}

function bad(detail: string): CardError {
  return new CardError("BAD_CARD", detail);
}

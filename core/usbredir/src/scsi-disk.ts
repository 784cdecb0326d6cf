// The SCSI side of a stick or a CD drive: what each command block asks for, and the sense that says
// why one failed. It reads and writes nothing itself: it says what is to be read and written.

/** A disk or disc that lies in a drive. */
export interface Medium {
  /** Bytes; a rest that is no whole block is not there. */
  readonly size: number;
  readonly writable: boolean;
}

export type DriveKind = "stick" | "cd";

/** What a command comes to. Offsets and lengths in bytes. */
export type ScsiAction =
  /** `data` goes to the guest, as far as it has room for. */
  | { readonly kind: "reply"; readonly data: Uint8Array }
  | { readonly kind: "read"; readonly offset: number; readonly length: number }
  | { readonly kind: "write"; readonly offset: number; readonly length: number }
  /** All that was written has to be kept before the answer. */
  | { readonly kind: "flush" }
  | { readonly kind: "done" }
  | { readonly kind: "eject" }
  /** `sense` says why. */
  | { readonly kind: "failed" };

interface Sense {
  readonly key: number;
  readonly code: number;
}

const noSense: Sense = { key: 0, code: 0 };
const noMedium: Sense = { key: 2, code: 0x3a00 };
const readError: Sense = { key: 3, code: 0x1100 };
const writeError: Sense = { key: 3, code: 0x0c00 };
const unknownCommand: Sense = { key: 5, code: 0x2000 };
const outOfRange: Sense = { key: 5, code: 0x2100 };
const badField: Sense = { key: 5, code: 0x2400 };
const removalPrevented: Sense = { key: 5, code: 0x5302 };
const mediumChanged: Sense = { key: 6, code: 0x2800 };
const writeProtected: Sense = { key: 7, code: 0x2700 };

/** Operation codes of SPC, SBC and MMC. */
const Operation = {
  TEST_UNIT_READY: 0x00,
  REQUEST_SENSE: 0x03,
  READ_6: 0x08,
  WRITE_6: 0x0a,
  INQUIRY: 0x12,
  MODE_SENSE_6: 0x1a,
  START_STOP_UNIT: 0x1b,
  PREVENT_ALLOW_MEDIUM_REMOVAL: 0x1e,
  READ_FORMAT_CAPACITIES: 0x23,
  READ_CAPACITY_10: 0x25,
  READ_10: 0x28,
  WRITE_10: 0x2a,
  VERIFY_10: 0x2f,
  SYNCHRONIZE_CACHE_10: 0x35,
  READ_TOC: 0x43,
  GET_CONFIGURATION: 0x46,
  GET_EVENT_STATUS_NOTIFICATION: 0x4a,
  MODE_SENSE_10: 0x5a,
  READ_16: 0x88,
  WRITE_16: 0x8a,
  SYNCHRONIZE_CACHE_16: 0x91,
  SERVICE_ACTION_IN_16: 0x9e,
  REPORT_LUNS: 0xa0,
  READ_12: 0xa8,
  WRITE_12: 0xaa,
} as const;

/** Commands that do not ask for a medium, nor tell that it changed. */
const always: ReadonlySet<number> = new Set([
  Operation.INQUIRY,
  Operation.REQUEST_SENSE,
  Operation.REPORT_LUNS,
  Operation.GET_CONFIGURATION,
  Operation.GET_EVENT_STATUS_NOTIFICATION,
]);
/** Commands that are well without a medium. */
const mediumless: ReadonlySet<number> = new Set([
  Operation.START_STOP_UNIT,
  Operation.PREVENT_ALLOW_MEDIUM_REMOVAL,
  Operation.MODE_SENSE_6,
  Operation.MODE_SENSE_10,
]);

export class ScsiDisk {
  readonly #kind: DriveKind;
  readonly #blockSize: number;
  #medium: Medium | null;
  #sense = noSense;
  #isChanged = false;
  #isLocked = false;

  constructor(kind: DriveKind, medium: Medium | null) {
    this.#kind = kind;
    this.#blockSize = kind === "cd" ? 2048 : 512;
    this.#medium = medium;
  }

  get medium(): Medium | null {
    return this.#medium;
  }

  /** Whether the guest has the medium in use and wants to be asked before it goes. */
  get isLocked(): boolean {
    return this.#isLocked;
  }

  snapshot(): unknown {
    const { key, code } = this.#sense;
    return { medium: this.#medium, sense: [key, code], isLocked: this.#isLocked };
  }

  /** Another medium, or none; the guest learns it with its next command. */
  insert(medium: Medium | null): void {
    this.#medium = medium;
    this.#isChanged = medium !== null;
    this.#isLocked = false;
  }

  /** A command that is under way ends by the change of its medium; the next one tells it again. */
  endedByChange(): void {
    this.#sense = this.#medium === null ? noMedium : mediumChanged;
  }

  /** What was read or written could not be. */
  ioFailed(what: "read" | "write"): void {
    this.#sense = what === "read" ? readError : writeError;
  }

  execute(block: Uint8Array): ScsiAction {
    const operation = block[0] ?? 0;
    if (!always.has(operation)) {
      if (this.#isChanged) {
        this.#isChanged = false;
        return this.#fail(mediumChanged);
      }
      if (this.#medium === null && !mediumless.has(operation)) return this.#fail(noMedium);
    }
    const action = this.#execute(operation, padded(block));
    if (action.kind !== "failed" && operation !== Operation.REQUEST_SENSE) this.#sense = noSense;
    return action;
  }

  #execute(operation: number, block: DataView): ScsiAction {
    switch (operation) {
      case Operation.TEST_UNIT_READY:
      case Operation.VERIFY_10:
        return { kind: "done" };
      case Operation.REQUEST_SENSE: {
        const data = senseData(this.#sense);
        this.#sense = noSense;
        return cut(data, block.getUint8(4));
      }
      case Operation.INQUIRY:
        return this.#inquiry(block);
      case Operation.MODE_SENSE_6:
        return cut(this.#modeSense(4), block.getUint8(4));
      case Operation.MODE_SENSE_10:
        return cut(this.#modeSense(8), block.getUint16(7));
      case Operation.START_STOP_UNIT:
        return this.#startStop(block.getUint8(4));
      case Operation.PREVENT_ALLOW_MEDIUM_REMOVAL:
        this.#isLocked = (block.getUint8(4) & 1) !== 0;
        return { kind: "done" };
      case Operation.READ_FORMAT_CAPACITIES:
        return cut(this.#formatCapacities(), block.getUint16(7));
      case Operation.READ_CAPACITY_10:
        return { kind: "reply", data: this.#capacity10() };
      case Operation.SERVICE_ACTION_IN_16:
        if ((block.getUint8(1) & 0x1f) !== 0x10) return this.#fail(badField);
        return cut(this.#capacity16(), block.getUint32(10));
      case Operation.REPORT_LUNS:
        return cut(Uint8Array.of(0, 0, 0, 8, ...new Array<number>(12).fill(0)), block.getUint32(6));
      case Operation.SYNCHRONIZE_CACHE_10:
      case Operation.SYNCHRONIZE_CACHE_16:
        return { kind: "flush" };
      case Operation.READ_6:
      case Operation.WRITE_6: {
        const count = block.getUint8(4);
        const start = block.getUint32(0) & 0x1fffff;
        return this.#transfer(operation === Operation.READ_6, start, count === 0 ? 256 : count);
      }
      case Operation.READ_10:
      case Operation.WRITE_10: {
        const isRead = operation === Operation.READ_10;
        return this.#transfer(isRead, block.getUint32(2), block.getUint16(7));
      }
      case Operation.READ_12:
      case Operation.WRITE_12: {
        const isRead = operation === Operation.READ_12;
        return this.#transfer(isRead, block.getUint32(2), block.getUint32(6));
      }
      case Operation.READ_16:
      case Operation.WRITE_16: {
        const start = Number(block.getBigUint64(2));
        return this.#transfer(operation === Operation.READ_16, start, block.getUint32(10));
      }
      default:
        return this.#kind === "cd"
          ? this.#discCommand(operation, block)
          : this.#fail(unknownCommand);
    }
  }

  #discCommand(operation: number, block: DataView): ScsiAction {
    switch (operation) {
      case Operation.READ_TOC:
        return this.#tableOfContents(block);
      case Operation.GET_CONFIGURATION: {
        // No feature but the current profile: CD-ROM, if there is a disc.
        const data = new Uint8Array(8);
        data[3] = 4;
        data[7] = this.#medium === null ? 0 : 8;
        return cut(data, block.getUint16(7));
      }
      case Operation.GET_EVENT_STATUS_NOTIFICATION: {
        if ((block.getUint8(1) & 1) === 0) return this.#fail(badField);
        const event = this.#isChanged ? 2 : 0;
        const present = this.#medium === null ? 0 : 2;
        // Of events of media only, which are class 4.
        const data = Uint8Array.of(0, 6, 4, 0x10, event, present, 0, 0);
        return cut(data, block.getUint16(7));
      }
      default:
        return this.#fail(unknownCommand);
    }
  }

  #fail(sense: Sense): ScsiAction {
    this.#sense = sense;
    return { kind: "failed" };
  }

  get #blockCount(): number {
    return Math.floor((this.#medium?.size ?? 0) / this.#blockSize);
  }

  #transfer(isRead: boolean, start: number, count: number): ScsiAction {
    if (start + count > this.#blockCount) return this.#fail(outOfRange);
    const offset = start * this.#blockSize;
    const length = count * this.#blockSize;
    if (isRead) return { kind: "read", offset, length };
    if (this.#medium?.writable !== true) return this.#fail(writeProtected);
    return { kind: "write", offset, length };
  }

  #startStop(flags: number): ScsiAction {
    const isLoadEject = (flags & 2) !== 0;
    const isStart = (flags & 1) !== 0;
    if (!isLoadEject)
      return this.#medium === null && isStart ? this.#fail(noMedium) : { kind: "done" };
    if (isStart) return this.#medium === null ? this.#fail(noMedium) : { kind: "done" };
    if (this.#isLocked) return this.#fail(removalPrevented);
    this.#medium = null;
    return { kind: "eject" };
  }

  #inquiry(block: DataView): ScsiAction {
    const room = block.getUint16(3);
    const type = this.#kind === "cd" ? 5 : 0;
    if ((block.getUint8(1) & 1) !== 0) return this.#vitalData(type, block.getUint8(2), room);
    const data = new Uint8Array(36);
    // Removable, SPC-3, and the length behind these fields.
    data.set([type, 0x80, 5, 2, 31]);
    data.set(ascii("Caraway", 8), 8);
    data.set(ascii(this.#kind === "cd" ? "CD drive" : "Stick", 16), 16);
    data.set(ascii("1.0", 4), 32);
    return cut(data, room);
  }

  #vitalData(type: number, page: number, room: number): ScsiAction {
    switch (page) {
      case 0x00:
        return cut(Uint8Array.of(type, page, 0, 2, 0x00, 0x83), room);
      case 0x83: {
        // One designator: vendor and product as text.
        const name = ascii("Caraway", 16);
        return cut(Uint8Array.of(type, page, 0, 20, 2, 1, 0, 16, ...name), room);
      }
      default:
        return this.#fail(badField);
    }
  }

  /** The header alone, with or without write protection; there are no pages. */
  #modeSense(size: 4 | 8): Uint8Array {
    const data = new Uint8Array(size);
    const flags = this.#kind === "stick" && this.#medium?.writable === false ? 0x80 : 0;
    if (size === 4) data.set([3, 0, flags, 0]);
    else data.set([0, 6, 0, flags]);
    return data;
  }

  #formatCapacities(): Uint8Array {
    const data = new Uint8Array(12);
    const view = new DataView(data.buffer);
    view.setUint8(3, 8);
    view.setUint32(4, this.#blockCount);
    view.setUint32(8, this.#blockSize);
    // Formatted.
    view.setUint8(8, 2);
    return data;
  }

  #capacity10(): Uint8Array {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, Math.min(this.#blockCount - 1, 0xffffffff) >>> 0);
    view.setUint32(4, this.#blockSize);
    return new Uint8Array(view.buffer);
  }

  #capacity16(): Uint8Array {
    const view = new DataView(new ArrayBuffer(32));
    view.setBigUint64(0, BigInt(Math.max(0, this.#blockCount - 1)));
    view.setUint32(8, this.#blockSize);
    return new Uint8Array(view.buffer);
  }

  /** One data track and the lead-out. */
  #tableOfContents(block: DataView): ScsiAction {
    const isTime = (block.getUint8(1) & 2) !== 0;
    const format = block.getUint8(2) & 0x0f;
    const room = block.getUint16(7);
    const end = this.#blockCount;
    switch (format) {
      case 0: {
        const track = [0, 0x14, 1, 0, ...discAddress(0, isTime)];
        const leadOut = [0, 0x14, 0xaa, 0, ...discAddress(end, isTime)];
        const from = block.getUint8(6);
        const entries = from <= 1 ? [...track, ...leadOut] : leadOut;
        return cut(Uint8Array.of(0, entries.length + 2, 1, 1, ...entries), room);
      }
      case 1:
        return cut(Uint8Array.of(0, 10, 1, 1, 0, 0x14, 1, 0, ...discAddress(0, isTime)), room);
      default:
        return this.#fail(badField);
    }
  }
}

function padded(block: Uint8Array): DataView {
  const whole = new Uint8Array(16);
  whole.set(block.subarray(0, 16));
  return new DataView(whole.buffer);
}

function cut(data: Uint8Array, room: number): ScsiAction {
  return { kind: "reply", data: data.subarray(0, room) };
}

/** Fixed format. */
function senseData({ key, code }: Sense): Uint8Array {
  const data = new Uint8Array(18);
  data.set([0x70, 0, key]);
  data[7] = 10;
  data[12] = code >> 8;
  data[13] = code & 0xff;
  return data;
}

/** A block, or minute, second and frame behind the lead-in. */
function discAddress(block: number, isTime: boolean): number[] {
  if (!isTime) return [block >>> 24, (block >> 16) & 0xff, (block >> 8) & 0xff, block & 0xff];
  const frames = block + 150;
  return [0, Math.floor(frames / 4500), Math.floor(frames / 75) % 60, frames % 75];
}

function ascii(text: string, size: number): Uint8Array {
  return Uint8Array.from(text.padEnd(size), (letter) => letter.charCodeAt(0));
}

// Reads of a plain socket into large buffers. Node reads 64 KiB at a time into memory that it then
// shrinks; a relay that moves gigabytes spends a third less processor time with larger reads. A
// connection that is idle holds no buffer of its own.

/** For sockets that carry much; given to `openTransport`. */
export interface BulkReads {
  /** The largest read that may be made now, in bytes. */
  sizeMax(): number;
}

const probeSize = 64 << 10;
/**
 * Where the first bytes after a pause go, for all sockets: what is read there is copied before
 * anything else can be read. Windows reads ahead, so that it needs a buffer for each.
 */
let probe: Uint8Array | null = null;

export const hasBulkReads = process.platform !== "win32";

/** One socket's reads: `onRead` is given to `connect` of `node:net`. */
export class BulkReader {
  readonly #options: BulkReads;
  #listener: ((bytes: Uint8Array) => void) | null = null;
  #buffer: Uint8Array = sharedProbe();

  constructor(options: BulkReads) {
    this.#options = options;
  }

  /** Null: what comes is thrown away. */
  listen(listener: ((bytes: Uint8Array) => void) | null): void {
    this.#listener = listener;
  }

  get onRead(): { buffer: () => Uint8Array; callback: (size: number) => boolean } {
    return { buffer: () => this.#buffer, callback: (size) => this.#read(size) };
  }

  #read(size: number): boolean {
    const buffer = this.#buffer;
    const bytes = buffer === probe ? buffer.slice(0, size) : buffer.subarray(0, size);
    this.#buffer = this.#next(buffer.length, size);
    this.#listener?.(bytes);
    return true;
  }

  /** As large as the stream makes use of; the buffer that was filled belongs to its reader now. */
  #next(size: number, filled: number): Uint8Array {
    const wanted = filled === size ? 2 * size : filled < size / 4 ? 0 : size;
    const next = Math.min(wanted, this.#options.sizeMax());
    return next <= probeSize ? sharedProbe() : Buffer.allocUnsafeSlow(next);
  }
}

function sharedProbe(): Uint8Array {
  probe ??= new Uint8Array(probeSize);
  return probe;
}

// The client's part in sending files to the guest: several at once, each read piece by piece as
// the agent takes them, and begun again from the start when another agent is there.

import { agentDataSizeMax, agentMessageHeaderSize, FileXferStatus } from "@caraway/protocol";
import type { AgentMessage } from "./agent-stream.ts";
import { FileTransferError, failureOf } from "./file-transfer-error.ts";
import { encodeFileStart } from "./key-file.ts";

/** A transfer, named by whoever asked for it. */
export type TransferKey = number;

export interface FileEvent {
  readonly name: "file";
  readonly transfer: TransferKey;
  /**
   * `waiting`: for the guest's agent, also after it was gone; `sending`: so many bytes are on
   * their way; `done`: the guest has all of it; `failed`: it does not have it.
   */
  readonly phase: "waiting" | "sending" | "done" | "failed";
  readonly sentBytes: number;
  readonly size: number;
  /** Times that it was begun anew. */
  readonly restarts: number;
  /** With `failed`. */
  readonly error: FileTransferError | null;
}

/** A piece of a file that is wanted of the driver. */
export interface FileRead {
  readonly read: number;
  readonly transfer: TransferKey;
  readonly offset: number;
  readonly size: number;
}

/** Who hears that a message of a transfer has been sent. */
export interface FileTag {
  readonly wireId: number;
  /** Bytes of the file in it. */
  readonly size: number;
}

type FileMessage = Extract<AgentMessage, { name: "FILE_XFER_START" | "FILE_XFER_STATUS" }>;
type FileData = Extract<AgentMessage, { name: "FILE_XFER_DATA" }>;

export interface FileSenderOutlet {
  say(message: FileMessage, tag: FileTag | null): void;
  sayBulk(message: FileData, tag: FileTag): void;
  /** Forgets what is not sent of a transfer. */
  drop(wireId: number): void;
  /** Bytes that wait in `sayBulk`. */
  bulkBytes(): number;
  read(read: FileRead): void;
  tell(event: FileEvent): void;
}

interface Transfer {
  readonly key: TransferKey;
  readonly fileName: string;
  readonly size: number;
  restarts: number;
  stage:
    | { readonly kind: "waiting" }
    /** FILE_XFER_START is said, or about to be. */
    | { readonly kind: "asked"; readonly wireId: number }
    | {
        readonly kind: "sending";
        readonly wireId: number;
        /** Bytes that were asked of the driver, and that left. */
        readBytes: number;
        sentBytes: number;
        reading: number | null;
        /** A file without content is told so, once. */
        isEmptySaid: boolean;
      };
}

/** FILE_XFER_DATA in front of the content: the id and the size. */
const dataHeadSize = 12;
/**
 * Nearly spice-gtk's 64 KiB, and such that the message fills 32 of AGENT_DATA: its rate is that of
 * the tokens where the server is far away, and spice-gtk pays one more for the last 32 bytes.
 */
const pieceSize = 32 * agentDataSizeMax - agentMessageHeaderSize - dataHeadSize;
/** Bytes that are read ahead of the agent, over all transfers. */
const readAhead = 2 * pieceSize;
/** Transfers that are under way at the same time. */
const activeMax = 8;
const restartsMax = 10;

export class FileSender {
  readonly #outlet: FileSenderOutlet;
  readonly #transfers = new Map<TransferKey, Transfer>();
  #agent: "absent" | "ready" | "disabled" = "absent";
  #nextWireId = 1;
  #nextRead = 1;
  #readingBytes = 0;
  readonly #reads = new Map<number, FileRead & { readonly wireId: number }>();

  constructor(outlet: FileSenderOutlet) {
    this.#outlet = outlet;
  }

  /** Another agent is there. */
  connected(takesFiles: boolean): void {
    this.#agent = takesFiles ? "ready" : "disabled";
    this.#startMore();
  }

  /** The agent is gone: what was under way waits for another one. */
  disconnected(): void {
    this.#agent = "absent";
    this.#reads.clear();
    this.#readingBytes = 0;
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.stage.kind === "waiting") continue;
      transfer.stage = { kind: "waiting" };
      transfer.restarts += 1;
      if (transfer.restarts > restartsMax) {
        const detail = "the guest's agent went away too often";
        this.#fail(transfer, new FileTransferError("FILE_AGENT_LOST", detail));
      } else this.#tell(transfer, "waiting");
    }
  }

  send(key: TransferKey, fileName: string, size: number): void {
    if (this.#transfers.has(key)) throw new Error(`transfer ${key} is under way already`);
    const transfer: Transfer = { key, fileName, size, restarts: 0, stage: { kind: "waiting" } };
    this.#transfers.set(key, transfer);
    this.#tell(transfer, "waiting");
    this.#startMore();
  }

  cancel(key: TransferKey): void {
    const transfer = this.#transfers.get(key);
    if (transfer === undefined) return;
    this.#abandon(transfer, FileXferStatus.CANCELLED);
    this.#fail(transfer, new FileTransferError("FILE_CANCELLED", "the transfer was cancelled"));
  }

  /** The session is over. */
  end(): void {
    this.#agent = "absent";
    for (const transfer of [...this.#transfers.values()]) {
      const detail = "the session ended before the guest had the whole file";
      this.#fail(transfer, new FileTransferError("FILE_SESSION_ENDED", detail));
    }
  }

  /** The driver has read; `bytes` null: it could not, and `detail` says why. */
  dataRead(read: number, bytes: Uint8Array | null, detail: string): void {
    const request = this.#reads.get(read);
    if (request === undefined) return;
    this.#reads.delete(read);
    this.#readingBytes -= request.size;
    const transfer = this.#transfers.get(request.transfer);
    if (transfer?.stage.kind === "sending" && transfer.stage.reading === read) {
      const { stage } = transfer;
      stage.reading = null;
      if (bytes === null || bytes.length !== request.size) {
        const reason = bytes === null ? detail : "it became shorter meanwhile";
        this.#abandon(transfer, FileXferStatus.ERROR);
        this.#fail(transfer, new FileTransferError("FILE_READ", reason));
      } else this.#sayData(stage.wireId, bytes);
    }
    this.pull();
  }

  /** A message of a transfer has left. */
  sent({ wireId, size }: FileTag): void {
    const transfer = this.#byWireId(wireId);
    if (transfer?.stage.kind === "sending") {
      transfer.stage.sentBytes += size;
      this.#tell(transfer, "sending");
    }
    this.pull();
  }

  status(wireId: number, result: number, details: Uint8Array): void {
    const transfer = this.#byWireId(wireId);
    if (transfer === null) return;
    const failure = failureOf(result, details);
    if (failure !== null) {
      this.#outlet.drop(wireId);
      this.#fail(transfer, failure);
      return;
    }
    const { stage } = transfer;
    if (result === FileXferStatus.CAN_SEND_DATA && stage.kind === "asked") {
      transfer.stage = {
        kind: "sending",
        wireId,
        readBytes: 0,
        sentBytes: 0,
        reading: null,
        isEmptySaid: false,
      };
      this.#tell(transfer, "sending");
      this.pull();
    } else if (result === FileXferStatus.SUCCESS && this.#isSent(transfer)) {
      this.#transfers.delete(transfer.key);
      this.#tell(transfer, "done");
      this.#startMore();
    } else {
      this.#abandon(transfer, FileXferStatus.ERROR);
      const detail = "the guest says that it has what it was not sent";
      this.#fail(transfer, new FileTransferError("FILE_PROTOCOL", detail));
    }
  }

  /** Asks for more of the files, as far as the agent keeps up; in turns. */
  pull(): void {
    for (const transfer of [...this.#transfers.values()]) {
      if (this.#outlet.bulkBytes() + this.#readingBytes >= readAhead) return;
      const { stage } = transfer;
      if (stage.kind !== "sending" || stage.reading !== null) continue;
      if (transfer.size === 0 && !stage.isEmptySaid) {
        stage.isEmptySaid = true;
        this.#sayData(stage.wireId, new Uint8Array(0));
        continue;
      }
      const size = Math.min(pieceSize, transfer.size - stage.readBytes);
      if (size === 0) continue;
      const read = {
        read: this.#nextRead++,
        transfer: transfer.key,
        offset: stage.readBytes,
        size,
      };
      stage.readBytes += size;
      stage.reading = read.read;
      this.#readingBytes += size;
      this.#reads.set(read.read, { ...read, wireId: stage.wireId });
      // To the end of the row, so that each has its turn.
      this.#transfers.delete(transfer.key);
      this.#transfers.set(transfer.key, transfer);
      this.#outlet.read(read);
    }
  }

  snapshot(): unknown {
    return [...this.#transfers.values()].map(({ key, restarts, stage }) => {
      return { key, restarts, ...stage };
    });
  }

  #startMore(): void {
    if (this.#agent === "disabled") this.#refuse();
    if (this.#agent !== "ready") return;
    const active = [...this.#transfers.values()].filter(({ stage }) => stage.kind !== "waiting");
    let free = activeMax - active.length;
    for (const transfer of this.#transfers.values()) {
      if (free === 0) return;
      if (transfer.stage.kind !== "waiting") continue;
      free -= 1;
      const wireId = this.#nextWireId;
      this.#nextWireId = wireId === 0xffffffff ? 1 : wireId + 1;
      transfer.stage = { kind: "asked", wireId };
      const data = encodeFileStart({ name: transfer.fileName, size: transfer.size });
      this.#outlet.say(
        { name: "FILE_XFER_START", body: { id: wireId, data } },
        { wireId, size: 0 },
      );
    }
  }

  #sayData(wireId: number, data: Uint8Array): void {
    this.#outlet.sayBulk(
      { name: "FILE_XFER_DATA", body: { id: wireId, size: BigInt(data.length), data } },
      { wireId, size: data.length },
    );
  }

  /** Tells the agent that nothing more comes. */
  #abandon({ stage }: Transfer, result: number): void {
    if (stage.kind === "waiting") return;
    this.#outlet.drop(stage.wireId);
    const body = { id: stage.wireId, result, details: new Uint8Array(0) };
    this.#outlet.say({ name: "FILE_XFER_STATUS", body }, null);
  }

  #refuse(): void {
    const [transfer] = this.#transfers.values();
    if (transfer === undefined) return;
    this.#fail(transfer, new FileTransferError("FILE_DISABLED", "the guest takes no files"));
  }

  #fail(transfer: Transfer, error: FileTransferError): void {
    this.#transfers.delete(transfer.key);
    this.#tell(transfer, "failed", error);
    this.#startMore();
    this.pull();
  }

  #isSent({ stage, size }: Transfer): boolean {
    return stage.kind === "sending" && stage.sentBytes === size;
  }

  #byWireId(wireId: number): Transfer | null {
    for (const transfer of this.#transfers.values()) {
      if (transfer.stage.kind !== "waiting" && transfer.stage.wireId === wireId) return transfer;
    }
    return null;
  }

  #tell(
    transfer: Transfer,
    phase: FileEvent["phase"],
    error: FileTransferError | null = null,
  ): void {
    const { key, size, restarts, stage } = transfer;
    const sentBytes = stage.kind === "sending" ? stage.sentBytes : 0;
    this.#outlet.tell({ name: "file", transfer: key, phase, sentBytes, size, restarts, error });
  }
}

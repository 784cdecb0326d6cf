// The guest's part in taking files from the client: which are under way, and that each gets the
// bytes that were announced, no more and no fewer.

import { FileXferStatus } from "@caraway/protocol";
import { type AgentMessage, AgentProtocolError } from "./agent-stream.ts";
import { decodeFileStart } from "./key-file.ts";

export type ReceivedFileEvent =
  /** The client wants to send a file: answer with `acceptFile` or `refuseFile`. */
  | {
      readonly name: "file-start";
      readonly id: number;
      readonly fileName: string;
      readonly size: number;
    }
  | { readonly name: "file-data"; readonly id: number; readonly bytes: Uint8Array }
  /** All of it is there (answer with `finishFile`), or the rest will not come. */
  | { readonly name: "file-end"; readonly id: number; readonly isComplete: boolean };

/** A file under way, as plain data. */
export interface FileArrival {
  readonly id: number;
  readonly size: number;
  readonly received: number;
  readonly stage: "offered" | "receiving" | "complete";
}

type FileMessage = Extract<
  AgentMessage,
  { name: "FILE_XFER_START" | "FILE_XFER_STATUS" | "FILE_XFER_DATA" }
>;

export interface FileReceiverOutlet {
  say(message: Extract<AgentMessage, { name: "FILE_XFER_STATUS" }>): void;
  tell(event: ReceivedFileEvent): void;
}

/** Files that are under way at the same time. */
const filesMax = 64;

export class FileReceiver {
  readonly #outlet: FileReceiverOutlet;
  readonly #files = new Map<number, FileArrival>();

  constructor(outlet: FileReceiverOutlet) {
    this.#outlet = outlet;
  }

  state(): readonly FileArrival[] {
    return [...this.#files.values()];
  }

  restore(files: readonly FileArrival[]): void {
    for (const file of files) this.#files.set(file.id, file);
  }

  /** The client is gone: nothing more comes. */
  reset(): void {
    for (const id of [...this.#files.keys()]) this.#end(id);
  }

  accept(id: number): void {
    const file = this.#files.get(id);
    if (file?.stage !== "offered") return;
    this.#files.set(id, { ...file, stage: "receiving" });
    this.#status(id, FileXferStatus.CAN_SEND_DATA);
  }

  /** Ends a transfer that is not complete, and says why by a `FileXferStatus`. */
  refuse(id: number, result: number, details: Uint8Array = new Uint8Array(0)): void {
    if (this.#files.delete(id)) this.#status(id, result, details);
  }

  /** What came is kept. */
  finish(id: number): void {
    if (this.#files.get(id)?.stage !== "complete") return;
    this.#files.delete(id);
    this.#status(id, FileXferStatus.SUCCESS);
  }

  handle(message: FileMessage): void {
    const { id } = message.body;
    switch (message.name) {
      case "FILE_XFER_START":
        this.#start(id, message.body.data);
        break;
      case "FILE_XFER_DATA":
        this.#data(id, message.body.data);
        break;
      case "FILE_XFER_STATUS":
        if (this.#files.has(id)) this.#end(id);
        break;
    }
  }

  #start(id: number, data: string): void {
    if (this.#files.has(id) || this.#files.size >= filesMax) {
      this.#status(id, FileXferStatus.ERROR);
      return;
    }
    try {
      const { name: fileName, size } = decodeFileStart(data);
      this.#files.set(id, { id, size, received: 0, stage: "offered" });
      this.#outlet.tell({ name: "file-start", id, fileName, size });
    } catch (error) {
      if (!(error instanceof AgentProtocolError)) throw error;
      this.#status(id, FileXferStatus.ERROR);
    }
  }

  #data(id: number, bytes: Uint8Array): void {
    const file = this.#files.get(id);
    // What was on its way when the transfer ended.
    if (file === undefined) return;
    const received = file.received + bytes.length;
    if (file.stage !== "receiving" || received > file.size) {
      this.#end(id);
      this.#status(id, FileXferStatus.ERROR);
      return;
    }
    const isComplete = received === file.size;
    this.#files.set(id, { ...file, received, stage: isComplete ? "complete" : "receiving" });
    if (bytes.length > 0) this.#outlet.tell({ name: "file-data", id, bytes });
    if (isComplete) this.#outlet.tell({ name: "file-end", id, isComplete: true });
  }

  #end(id: number): void {
    this.#files.delete(id);
    this.#outlet.tell({ name: "file-end", id, isComplete: false });
  }

  #status(id: number, result: number, details: Uint8Array = new Uint8Array(0)): void {
    this.#outlet.say({ name: "FILE_XFER_STATUS", body: { id, result, details } });
  }
}

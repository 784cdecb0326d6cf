// The files that a client sends to its guest: read piece by piece when the session asks, so that
// no more of a file is in memory than the guest's agent is about to take.

import type { SessionCommand, SessionEvent, SessionOutput } from "@caraway/client";

/** A file as the platform has it. */
export interface FileSource {
  /** Without folders. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Fewer bytes than asked for: the file has become shorter. */
  read(offset: number, size: number): Promise<Uint8Array>;
  close(): void;
}

type ReadOutput = Extract<SessionOutput, { type: "read" }>;

export class FileSources {
  readonly #command: (command: SessionCommand) => void;
  readonly #sources = new Map<number, FileSource>();

  constructor(command: (command: SessionCommand) => void) {
    this.#command = command;
  }

  send(transfer: number, source: FileSource): void {
    this.#sources.set(transfer, source);
    const { name: fileName, size } = source;
    this.#command({ name: "file-send", transfer, fileName, size });
  }

  async read({ read, transfer, offset, size }: ReadOutput): Promise<void> {
    let bytes: Uint8Array | null = null;
    let detail = "";
    try {
      bytes = (await this.#sources.get(transfer)?.read(offset, size)) ?? null;
    } catch (error) {
      detail = error instanceof Error ? error.message : String(error);
    }
    this.#command({ name: "file-data", read, bytes, detail });
  }

  /** Lets go of a file that is over. */
  hear(event: SessionEvent): void {
    if (event.name !== "file" || (event.phase !== "done" && event.phase !== "failed")) return;
    this.#sources.get(event.transfer)?.close();
    this.#sources.delete(event.transfer);
  }

  closeAll(): void {
    for (const source of this.#sources.values()) source.close();
    this.#sources.clear();
  }
}

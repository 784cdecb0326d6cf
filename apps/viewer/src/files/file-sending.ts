// The files that the user sends to the guest: how far each is, and that one which was under way
// when the session was lost is sent again by the next one.

import type { BrowserClient, ClientEvent, PlainError } from "@caraway/browser";

export interface FileTransfer {
  readonly key: number;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sentBytes: number;
  /** `waiting`: for the guest's agent, or its turn. */
  readonly phase: "waiting" | "sending" | "done" | "failed";
  /** Times that it was begun anew. */
  readonly restarts: number;
  readonly error: PlainError | null;
}

interface Kept {
  transfer: FileTransfer;
  readonly file: File;
}

/** Of those that are over, so many are remembered. */
const overMax = 50;

export class FileSending {
  readonly #changed: () => void;
  readonly #kept = new Map<number, Kept>();
  #client: Pick<BrowserClient, "sendFile" | "command"> | null = null;
  #nextKey = 1;

  /** `changed` is called after each change of `transfers`. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Oldest first. */
  get transfers(): readonly FileTransfer[] {
    return [...this.#kept.values()].map(({ transfer }) => transfer);
  }

  send(files: Iterable<File>): void {
    for (const file of files) {
      const { name, size } = file;
      const key = this.#nextKey++;
      const transfer = { key, name, size, sentBytes: 0, phase: "waiting", restarts: 0 } as const;
      this.#kept.set(key, { file, transfer: { ...transfer, error: null } });
      this.#client?.sendFile(key, file);
    }
    this.#changed();
  }

  cancel(key: number): void {
    const kept = this.#kept.get(key);
    if (kept === undefined || isOver(kept.transfer)) return;
    this.#client?.command({ name: "file-cancel", transfer: key });
    if (this.#client !== null) return;
    const error = { code: "FILE_CANCELLED", message: "the transfer was cancelled", hint: null };
    this.#set(kept, { phase: "failed", error });
  }

  /** Forgets a transfer that is over. */
  forget(key: number): void {
    const kept = this.#kept.get(key);
    if (kept === undefined || !isOver(kept.transfer)) return;
    this.#kept.delete(key);
    this.#changed();
  }

  /** Another session begins: what did not arrive in the last one is sent by this one. */
  begin(client: Pick<BrowserClient, "sendFile" | "command">): void {
    this.#client = client;
    for (const { transfer, file } of this.#kept.values()) {
      if (!isOver(transfer)) client.sendFile(transfer.key, file);
    }
  }

  event(event: ClientEvent): void {
    if (event.name !== "file") return;
    const kept = this.#kept.get(event.transfer);
    if (kept === undefined || isOver(kept.transfer)) return;
    const { phase, sentBytes, restarts, error } = event;
    // There may be another session in a moment.
    if (error?.code === "FILE_SESSION_ENDED") this.#set(kept, { phase: "waiting", sentBytes: 0 });
    else this.#set(kept, { phase, sentBytes, restarts, error });
  }

  /** There will be no other session. */
  end(): void {
    this.#client = null;
    const message = "the session ended before the guest had the whole file";
    for (const kept of [...this.#kept.values()]) {
      if (isOver(kept.transfer)) continue;
      this.#set(kept, {
        phase: "failed",
        error: { code: "FILE_SESSION_ENDED", message, hint: null },
      });
    }
  }

  #set(kept: Kept, changes: Partial<FileTransfer>): void {
    kept.transfer = { ...kept.transfer, ...changes };
    const over = [...this.#kept.values()].filter(({ transfer }) => isOver(transfer));
    for (const { transfer } of over.slice(0, -overMax)) this.#kept.delete(transfer.key);
    this.#changed();
  }
}

export function isOver({ phase }: FileTransfer): boolean {
  return phase === "done" || phase === "failed";
}

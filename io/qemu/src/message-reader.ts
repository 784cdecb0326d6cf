// Whole D-Bus messages out of a stream of bytes.

import { type DbusMessage, decodeMessage, messageSize } from "./dbus-message.ts";

export class MessageReader {
  #chunks: Uint8Array[] = [];
  #size = 0;
  #wanted: number | null = null;

  /** Returns the messages that are whole with these bytes. */
  push(bytes: Uint8Array): DbusMessage[] {
    this.#chunks.push(bytes);
    this.#size += bytes.length;
    const messages: DbusMessage[] = [];
    for (;;) {
      if (this.#wanted === null) {
        if (this.#size < 16) return messages;
        this.#wanted = messageSize(this.#joined());
      }
      if (this.#wanted === null || this.#size < this.#wanted) return messages;
      const all = this.#joined();
      messages.push(decodeMessage(all.subarray(0, this.#wanted)));
      const rest = all.subarray(this.#wanted);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#size = rest.length;
      this.#wanted = null;
    }
  }

  #joined(): Uint8Array {
    if (this.#chunks.length > 1) this.#chunks = [new Uint8Array(Buffer.concat(this.#chunks))];
    return this.#chunks[0]!;
  }
}

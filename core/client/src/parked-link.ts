// A channel that is linked to the target and waits for the switch. What arrives is read, so that
// the end of the connection is seen, and kept, so that nothing happens before the switch.

import {
  ByteQueue,
  FrameReader,
  FrameWriter,
  ProtocolError,
  type TransportFailure,
} from "@caraway/channel";
import { mainCodec } from "@caraway/protocol";
import { CarawayError } from "@caraway/wire";
import type { LinkedConnection } from "./link-attempt.ts";
import type { ConnectionOwner, Wiring } from "./wiring.ts";

/** Bytes that are kept before reading stops; a target says little before the switch. */
const keptMax = 1 << 20;

export class ParkedLink implements ConnectionOwner {
  readonly #wiring: Wiring;
  readonly #linked: LinkedConnection;
  readonly #bytes = new ByteQueue();
  readonly #lost: (failure: TransportFailure | null) => void;

  constructor(
    wiring: Wiring,
    linked: LinkedConnection,
    lost: (failure: TransportFailure | null) => void,
  ) {
    this.#wiring = wiring;
    this.#linked = linked;
    this.#lost = lost;
    this.#bytes.push(linked.rest);
    wiring.handOver(linked.connection, this);
    if (this.#bytes.size < keptMax) wiring.resume(linked.connection);
  }

  snapshot(): unknown {
    return { connection: this.#linked.connection, kept: this.#bytes.peek(this.#bytes.size) };
  }

  /** What the channel goes on with, paused. The caller takes the connection over. */
  release(): LinkedConnection {
    this.#wiring.pause(this.#linked.connection);
    return { ...this.#linked, rest: this.#bytes.takeAll() };
  }

  drop(): void {
    this.#wiring.disconnect(this.#linked.connection);
  }

  connected(): void {}

  received(bytes: Uint8Array): void {
    this.#bytes.push(bytes);
    if (this.#bytes.size >= keptMax) this.#wiring.pause(this.#linked.connection);
  }

  closed(failure: TransportFailure | null): void {
    this.#lost(failure);
  }
}

/**
 * Asks a linked target whether it takes the channels' state. Answers once; messages that come
 * before the answer are kept for the main channel.
 */
export class SeamlessQuestion implements ConnectionOwner {
  readonly #wiring: Wiring;
  readonly #linked: LinkedConnection;
  readonly #srcVersion: number;
  readonly #reader: FrameReader;
  readonly #kept = new ByteQueue();
  readonly #keep: FrameWriter;
  readonly #answer: (accepted: boolean, linked: LinkedConnection) => void;
  readonly #lost: (failure: TransportFailure | null) => void;

  constructor(
    wiring: Wiring,
    linked: LinkedConnection,
    srcVersion: number,
    answer: (accepted: boolean, linked: LinkedConnection) => void,
    lost: (failure: TransportFailure | null) => void,
  ) {
    this.#wiring = wiring;
    this.#linked = linked;
    this.#srcVersion = srcVersion;
    this.#answer = answer;
    this.#lost = lost;
    const { miniHeader } = linked.agreement;
    this.#reader = new FrameReader({
      channel: "main 0 of the target",
      miniHeader,
      bodySizeMax: keptMax,
      firstSerial: 1n,
      listFrames: false,
    });
    this.#keep = new FrameWriter(miniHeader, 1n);
  }

  /** Asks. The answer may be there already. */
  begin(): void {
    const { connection, agreement, rest } = this.#linked;
    this.#wiring.handOver(connection, this);
    const { id, body } = mainCodec.client.encode({
      name: "MIGRATE_DST_DO_SEAMLESS",
      body: { srcVersion: this.#srcVersion },
    });
    const bytes = new FrameWriter(agreement.miniHeader, 1n).write({ id, body });
    this.#wiring.transmit(connection, bytes);
    this.#wiring.resume(connection);
    this.received(rest);
  }

  snapshot(): unknown {
    return { connection: this.#linked.connection, kept: this.#kept.peek(this.#kept.size) };
  }

  drop(): void {
    this.#wiring.disconnect(this.#linked.connection);
  }

  connected(): void {}

  received(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes);
      this.#read();
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      this.drop();
      this.#lost({ kind: "other", detail: error.message });
    }
  }

  closed(failure: TransportFailure | null): void {
    this.#lost(failure);
  }

  #read(): void {
    for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
      const name = mainCodec.server.decode(frame.id, frame.body)?.name;
      if (name === "MIGRATE_DST_SEAMLESS_ACK" || name === "MIGRATE_DST_SEAMLESS_NACK") {
        this.#wiring.pause(this.#linked.connection);
        this.#kept.push(this.#reader.takePending());
        const rest = this.#kept.takeAll();
        this.#answer(name === "MIGRATE_DST_SEAMLESS_ACK", { ...this.#linked, rest });
        return;
      }
      this.#kept.push(this.#keep.write(frame));
      if (this.#kept.size > keptMax) {
        const detail = "too much before the answer";
        throw new ProtocolError("MESSAGE_TOO_LARGE", "main 0 of the target", "messages", detail);
      }
    }
  }
}

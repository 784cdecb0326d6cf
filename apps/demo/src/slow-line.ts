// What passes between the browser and the gateway, as slow as one likes: each way has a delay and a
// rate, and pushes back when it is full.

import type { Duplex } from "node:stream";

export interface NetworkKind {
  /** Milliseconds that each byte is under way, in each direction. */
  readonly delayMs: number;
  readonly bytesPerSecond: number;
}

export const networks = {
  fast: { delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY },
  mobile: { delayMs: 75, bytesPerSecond: 500_000 },
  bad: { delayMs: 300, bytesPerSecond: 60_000 },
} as const satisfies Readonly<Record<string, NetworkKind>>;

export type NetworkName = keyof typeof networks;

/** So much at a time, so that connections take turns. */
const pieceSize = 8 << 10;
const insideMax = 64 << 10;

export class SlowLines {
  kind: NetworkName = "fast";
  readonly #ends = new Set<Duplex>();
  /** When the line is free again, by direction. */
  readonly #freeAt = { up: 0, down: 0 };

  /** Joins two ends; one that ends takes the other along. */
  join(client: Duplex, server: Duplex): void {
    this.#pass(client, server, "up");
    this.#pass(server, client, "down");
    for (const [end, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#ends.add(end);
      end.on("error", () => other.destroy());
      end.once("close", () => {
        this.#ends.delete(end);
        other.destroy();
      });
    }
  }

  /** Breaks all connections at once. */
  cut(): void {
    for (const end of this.#ends) end.destroy();
  }

  #pass(from: Duplex, to: Duplex, way: "up" | "down"): void {
    let inside = 0;
    let last = 0;
    const deliver = (piece: Buffer | null): void => {
      if (to.destroyed) return;
      if (piece === null) {
        to.end();
        return;
      }
      to.write(piece, () => {
        inside -= piece.length;
        if (inside < insideMax) from.resume();
      });
    };
    const enter = (piece: Buffer | null): void => {
      const { delayMs, bytesPerSecond } = networks[this.kind];
      const now = performance.now();
      const onLine = ((piece?.length ?? 0) * 1000) / bytesPerSecond;
      this.#freeAt[way] = Math.max(this.#freeAt[way], now) + onLine;
      // A line that became faster lets nothing overtake.
      last = Math.max(last, this.#freeAt[way] + delayMs);
      if (last <= now) deliver(piece);
      else setTimeout(deliver, last - now, piece);
    };
    from.on("data", (bytes: Buffer) => {
      inside += bytes.length;
      for (let at = 0; at < bytes.length; at += pieceSize) {
        enter(bytes.subarray(at, at + pieceSize));
      }
      if (inside >= insideMax) from.pause();
    });
    from.on("end", () => enter(null));
  }
}

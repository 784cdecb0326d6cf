// The way on which a VM's memory leaves this host: from its QEMU's socket to the other host, in a
// thread of its own, since the one of the servers may be busy with pictures for a while at a time.

import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { PeerAddress } from "./peer-network.ts";
import type { PeerMaterial } from "./peer-security.ts";

/** What the thread is told. */
export interface MemoryCarrierOptions {
  readonly to: PeerAddress;
  readonly material: PeerMaterial;
  /** First on the link: which move it belongs to. */
  readonly greeting: Uint8Array;
  /** The unix socket to which QEMU connects. */
  readonly path: string;
}

export type FromCarrier =
  /** The other host is there, and QEMU is awaited. */
  | { readonly type: "listening" }
  | { readonly type: "connected" }
  | { readonly type: "failed"; readonly detail: string };

const program = createRequire(import.meta.url).resolve("caraway-host/bin/memory-carrier.js");
/** QEMU is at our socket within that time. */
const connectMs = 10_000;

export class MemoryCarrier {
  readonly #worker: Worker;
  /** Resolves when QEMU has connected. */
  readonly connected: Promise<void>;

  private constructor(worker: Worker, connected: Promise<void>) {
    this.#worker = worker;
    this.connected = connected;
  }

  /** Resolves when the other host is there and QEMU can connect. Rejects with the reason. */
  static async open(options: MemoryCarrierOptions): Promise<MemoryCarrier> {
    const worker = new Worker(program, { workerData: options, execArgv: [] });
    // It ends when its sockets do.
    worker.unref();
    const connected = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("QEMU does not connect")), connectMs);
      worker.on("message", ({ type }: FromCarrier) => {
        if (type === "connected") resolve();
      });
      worker.once("exit", () => reject(new Error("the way to the other host is lost")));
      timer.unref();
    });
    connected.catch(() => {});
    await new Promise<void>((resolve, reject) => {
      worker.on("message", (message: FromCarrier) => {
        if (message.type === "listening") resolve();
        if (message.type === "failed") reject(new Error(message.detail));
      });
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("the way to the other host is lost")));
    });
    return new MemoryCarrier(worker, connected);
  }

  /** Breaks it off. */
  destroy(): void {
    void this.#worker.terminate();
  }
}

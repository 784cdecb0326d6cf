// The worker in which a session runs. A page that knows that there will be a session may have it
// prepared, so that its script is loaded and its decoders are there when the session begins.

import type { StartsWorker } from "./client-message.ts";

let prepared: Worker | null = null;

/** Whether sessions run in workers here: one that paints needs canvases that can be given away. */
export function hasWorkers(): boolean {
  const canPaint =
    typeof OffscreenCanvas !== "undefined" &&
    typeof HTMLCanvasElement !== "undefined" &&
    "transferControlToOffscreen" in HTMLCanvasElement.prototype;
  return canPaint && typeof Worker !== "undefined";
}

/** For the next session of this page. Does nothing where sessions run in the page. */
export function prepareWorker(): void {
  if (prepared !== null || !hasWorkers()) return;
  try {
    const worker = startClientWorker();
    // The session that would have had it finds out for itself.
    worker.onerror = (event) => {
      event.preventDefault();
      if (prepared === worker) prepared = null;
    };
    prepared = worker;
  } catch {
    // Scripts of another origin make no workers.
  }
}

/** The one that was prepared, or a new one. Throws where there is none to be had. */
export function takeWorker(): Worker {
  const worker = prepared ?? startClientWorker();
  prepared = null;
  return worker;
}

/** The bare script, which waits for its role. */
export function startWorker(): Worker {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

function startClientWorker(): Worker {
  const worker = startWorker();
  worker.postMessage({ role: "client" } satisfies StartsWorker);
  return worker;
}

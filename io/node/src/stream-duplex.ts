// A stream of a session as one of Node's own: for pipes, files and sockets.

import { Duplex } from "node:stream";
import type { ClientStream } from "@caraway/driver";

/** Ends when the stream does. Destroying it leaves the device where it is. */
export function streamDuplex(stream: ClientStream): Duplex {
  let goOn: (() => void) | null = null;
  /** Bytes that nobody has read yet. */
  let untaken = 0;
  const duplex = new Duplex({
    read() {
      if (untaken > 0) stream.taken(untaken);
      untaken = 0;
    },
    write(chunk: Uint8Array, _encoding, done) {
      if (stream.write(chunk)) done();
      else goOn = done;
    },
  });
  stream.use({
    data(bytes) {
      if (duplex.destroyed || duplex.push(bytes)) stream.taken(bytes.length);
      else untaken += bytes.length;
    },
    drained() {
      const done = goOn;
      goOn = null;
      done?.();
    },
    closed() {
      if (duplex.destroyed) return;
      duplex.push(null);
      duplex.end();
      goOn?.();
    },
  });
  return duplex;
}

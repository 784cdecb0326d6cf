// Two byte streams made one: what comes on either goes out on the other.

import type { ByteStream } from "@caraway/node";

/** What waits to be written before the other side is not read any more. */
const backlogMax = 4 << 20;

/** As fast as each takes it; where one ends, so does the other. */
export function joinStreams(one: ByteStream, other: ByteStream): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.listen({
      received: (bytes) => to.write(bytes),
      backlog: (bytes) => (bytes > backlogMax ? to.pause() : to.resume()),
      closed: () => to.end(),
    });
  }
}

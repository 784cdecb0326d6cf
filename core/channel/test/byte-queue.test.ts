import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteQueue } from "../src/index.ts";

it("gives what went in, in order, whatever the sizes", () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 200 });
  fc.assert(
    fc.property(chunks, fc.array(fc.nat(60), { maxLength: 200 }), (parts, sizes) => {
      const queue = new ByteQueue();
      const all = parts.flatMap((part) => [...part]);
      for (const part of parts) queue.push(part);
      let at = 0;
      for (const size of sizes) {
        const peeked = queue.peek(size);
        const taken = queue.take(size);
        if (at + size > all.length) {
          expect([peeked, taken]).toEqual([null, null]);
          continue;
        }
        expect([...taken!]).toEqual(all.slice(at, at + size));
        expect(peeked).toEqual(taken);
        at += size;
        expect(queue.size).toBe(all.length - at);
      }
      expect([...queue.takeAll()]).toEqual(all.slice(at));
    }),
  );
});

it("copies nothing of what lies in one chunk", () => {
  const queue = new ByteQueue();
  const chunk = Uint8Array.of(1, 2, 3, 4);
  queue.push(chunk);
  expect(queue.take(2)!.buffer).toBe(chunk.buffer);
});

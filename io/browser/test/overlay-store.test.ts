import fc from "fast-check";
import { expect, it } from "vitest";
import { OverlayStore } from "../src/overlay-store.ts";

const size = 300_000;
const base = Uint8Array.from({ length: size }, (_, at) => at % 251);

it("reads what was written above the file, wherever, and leaves the file as it is", async () => {
  const writes = fc.array(
    fc.record({ offset: fc.nat(size - 1), length: fc.nat(90_000), value: fc.nat(255) }),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(writes, fc.nat(size - 1), fc.nat(100_000), async (list, from, wanted) => {
      const file = new Blob([base]);
      const store = new OverlayStore(file);
      const expected = base.slice();
      for (const { offset, length, value } of list) {
        const data = new Uint8Array(Math.min(length, size - offset)).fill(value);
        expected.set(data, offset);
        // A command's data comes in parts, which are written at the same time.
        const half = data.length >> 1;
        await Promise.all([
          store.write(offset, data.subarray(0, half)),
          store.write(offset + half, data.subarray(half)),
        ]);
      }
      const length = Math.min(wanted, size - from);
      const read = await store.read(from, length);
      expect(Buffer.compare(read, expected.subarray(from, from + length))).toBe(0);
      const image = new Uint8Array(await store.image().arrayBuffer());
      expect(Buffer.compare(image, expected)).toBe(0);
      expect(Buffer.compare(new Uint8Array(await file.arrayBuffer()), base)).toBe(0);
    }),
    { numRuns: 40 },
  );
});

it("keeps no more in memory than it may, and refuses what is behind the end", async () => {
  const store = new OverlayStore(new Blob([base]), 128 << 10);
  await store.write(0, new Uint8Array(128 << 10));
  await expect(store.write(200_000, new Uint8Array(512))).rejects.toThrow("more than");
  await expect(store.write(size - 10, new Uint8Array(512))).rejects.toThrow("behind the end");
  await expect(store.read(size - 10, 512)).rejects.toThrow("ends");
});

// Behind a seamless move our server sends only what changes, to spice-gtk and to our own client.

import { describe, expect, it } from "vitest";
import { type MoveBytes, measureMoveBytes } from "../src/move-bytes.ts";

/** Beyond 1.2 times the rate before. */
const allowance = { gtk: 16 << 10, ours: 4 << 10 };

function expectOnlyChanges(bytes: { readonly gtk: MoveBytes; readonly ours: MoveBytes }): void {
  for (const client of ["gtk", "ours"] as const) {
    const { before, after } = bytes[client];
    expect(after).toBeLessThanOrEqual(1.2 * before + allowance[client]);
  }
}

describe("behind a seamless move, in five seconds", () => {
  it("clients of a desktop that stands still are sent nothing of it", async () => {
    expectOnlyChanges(await measureMoveBytes({ speed: 0 }));
  });

  // Where others use the machine, clients may have seen less of one window than of the other. In
  // virtual time guests/testcard/test/move-bytes.test.ts holds it to the same in every run.
  it("clients of a desktop that is busy are sent what changes", { retry: 2 }, async () => {
    expectOnlyChanges(await measureMoveBytes({ speed: 1 }));
  });
});

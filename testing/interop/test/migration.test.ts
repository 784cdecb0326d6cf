// One real move of a desktop from QEMU to QEMU with our client attached: the smoke of what
// testing/interop/cells/migration.ts holds in every mode and under every fault.

import { describe, expect, it } from "vitest";
import { balance, readKeys, readReports } from "../cells/guest-keys.ts";
import { MovingSession, modeOf, outcomesOf, phasesOf } from "../cells/moving-session.ts";

describe("a desktop that moves from QEMU to QEMU", () => {
  it("keeps the session, the picture and every key", async () => {
    const session = await MovingSession.open();
    try {
      const target = await session.target();
      session.typist.start();
      const move = await session.move(target);
      await session.typist.stop();

      expect(phasesOf(move.events)).toBe(
        "begin:seamless ready:seamless switching:seamless done:seamless",
      );
      expect(modeOf(move.events)).toBe("seamless");
      expect(outcomesOf(move.events)).toEqual([
        "cursor 0: kept",
        "display 0: kept",
        "inputs 0: kept",
        "main 0: kept",
      ]);
      expect(session.client.client.ended).toBe(false);
      expect(move.report.spiceCompletedAt).not.toBeNull();

      const { downs, held } = readKeys(await readReports(session.here));
      const { isOneHole, lost, extra } = balance(session.typist.typed, downs);
      // QEMU itself drops what reaches it while its guest is stopped, and nothing else is lost.
      expect({ isOneHole, extra, held }).toEqual({ isOneHole: true, extra: [], held: [] });
      expect(downs.length).toBeGreaterThan(lost.length);

      expect(await session.pictureDifference()).toBe(0);
    } finally {
      await session.close();
    }
  });
});

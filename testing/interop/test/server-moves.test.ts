// Real clients go along when the testcard moves from one of our servers to another: the picture is
// exact after it, and what was typed arrives once.

import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  CarawayClient,
  compareImages,
  endpointOf,
  type GtkClient,
  MovingTestcard,
  type RgbImage,
  startGtkClient,
} from "../src/index.ts";

const exact = { pixels: 0, psnr: Number.POSITIVE_INFINITY };
/** It moves for a while, also across the first move, and stands still then. */
const testcard = { freezeAtMs: 6000 };

async function whenStill(moving: MovingTestcard): Promise<RgbImage> {
  do await delay(100);
  while (moving.testcard.deadline() !== null);
  return moving.picture();
}

async function expectPicture(moving: MovingTestcard, client: GtkClient): Promise<void> {
  const wanted = await whenStill(moving);
  expect(compareImages(await client.dumpWhenEqual(wanted), wanted)).toMatchObject(exact);
}

function keptBy(client: number): string[] {
  return ["cursor 0", "display 0", "inputs 0", "main 0"].map((label) => `${client} ${label} kept`);
}

/** Set 1 codes of letters, and what they type. */
const letters = [
  [0x1e, "a"],
  [0x30, "b"],
  [0x2e, "c"],
  [0x20, "d"],
  [0x12, "e"],
  [0x21, "f"],
  [0x22, "g"],
] as const;

/** What the guest's editor shows. */
function textOf({ testcard: guest }: MovingTestcard): string {
  const { editor } = guest.snapshot(performance.now()) as { editor: { text: string } };
  return editor.text;
}

describe("spice-gtk at a guest that moves between our servers", () => {
  it.each([
    ["with the peer link", true],
    ["with what goes through the client alone", false],
  ])("comes along seamlessly, again and again, %s", async (_name, peer) => {
    await using moving = await MovingTestcard.start({ testcard });
    await using client = await startGtkClient(moving.address);
    await client.waitFor("mark");
    for (let round = 0; round < 3; round++) {
      const report = await moving.move("seamless", peer);
      expect(report.modes).toEqual(["seamless"]);
      expect(report.outcomes).toEqual(keptBy(1));
      await delay(1000);
    }
    await expectPicture(moving, client);
    client.tapKey(30);
    await delay(500);
    await expectPicture(moving, client);
    expect(client.isAlive).toBe(true);
    expect(client.errors).not.toMatch(/GSpice-CRITICAL/);
  });

  it("types on while the guest moves, and every key arrives once", async () => {
    await using moving = await MovingTestcard.start({ testcard });
    await using client = await startGtkClient(moving.address);
    await client.waitFor("mark");
    await delay(500);
    const before = textOf(moving);
    let wanted = "";
    let isTyping = true;
    const typist = (async () => {
      for (let index = 0; isTyping; index++) {
        const [scancode, letter] = letters[index % letters.length]!;
        client.tapKey(scancode);
        wanted += letter;
        await delay(3);
      }
    })();
    await delay(300);
    for (let round = 0; round < 3; round++) {
      await moving.move("seamless", true);
      await delay(300);
    }
    isTyping = false;
    await typist;
    await delay(1000);
    expect(wanted.length).toBeGreaterThan(50);
    expect(textOf(moving).slice(before.length)).toBe(wanted);
  });

  it("stays when a move is called off, and comes along with the next", async () => {
    await using moving = await MovingTestcard.start({ testcard });
    await using client = await startGtkClient(moving.address);
    await client.waitFor("mark");
    for (let round = 0; round < 2; round++) {
      expect(await moving.callOff()).toEqual(["seamless"]);
      await delay(300);
    }
    const report = await moving.move("seamless", true);
    expect(report.outcomes).toEqual(keptBy(1));
    client.tapKey(30);
    await delay(500);
    await expectPicture(moving, client);
    expect(client.errors).not.toMatch(/GSpice-CRITICAL/);
  });

  it("comes along semi-seamlessly", async () => {
    await using moving = await MovingTestcard.start({ testcard });
    await using client = await startGtkClient(moving.address);
    await client.waitFor("mark");
    const report = await moving.move("semi-seamless", true);
    expect(report.modes).toEqual(["semi-seamless"]);
    expect(report.outcomes).toEqual(keptBy(1).map((one) => one.replace("kept", "rebuilt")));
    await expectPicture(moving, client);
    client.tapKey(30);
    await delay(500);
    await expectPicture(moving, client);
  });

  it("follows by switch-host", async () => {
    await using moving = await MovingTestcard.start({ testcard });
    await using client = await startGtkClient(moving.address);
    await client.waitFor("mark");
    const report = await moving.move("switch-host", true);
    expect(report.modes).toEqual(["switch-host"]);
    await expectPicture(moving, client);
    client.tapKey(30);
    await delay(500);
    await expectPicture(moving, client);
  });

  it("comes along beside another and beside ours, all seamlessly", async () => {
    await using moving = await MovingTestcard.start({ testcard });
    await using first = await startGtkClient(moving.address);
    await using second = await startGtkClient(moving.address);
    await using ours = new CarawayClient(endpointOf(moving.address), {});
    await first.waitFor("mark");
    await second.waitFor("mark");
    await ours.settle();
    const report = await moving.move("seamless", true);
    expect(report.modes).toEqual(["seamless", "seamless", "seamless"]);
    expect(report.outcomes.filter((one) => one.endsWith("kept"))).toHaveLength(12);
    await expectPicture(moving, first);
    await expectPicture(moving, second);
    const wanted = moving.picture();
    expect(compareImages(await ours.pictureWhenEqual(wanted), wanted)).toMatchObject(exact);
  });
});

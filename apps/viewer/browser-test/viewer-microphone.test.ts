// The testcard hears the microphone of a viewer, which the user turns on and off.

import { ServedTestcard } from "@caraway/interop";
import { plainEncoders } from "@caraway/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ViewerWorld } from "./viewer-page.ts";

const testcard = { sound: true, width: 480, height: 360, freezeAtMs: 500 } as const;

describe("the microphone of a viewer", () => {
  let world: ViewerWorld;

  beforeAll(async () => {
    world = await ViewerWorld.start();
  }, 300_000);

  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it.each([true, false])("is heard by the guest while it is on, Opus %s", async (opus) => {
    const server = opus ? {} : { server: { encoders: plainEncoders } };
    await using served = await ServedTestcard.start({ testcard, origins: "any", ...server });
    const url = encodeURIComponent(`ws://127.0.0.1:${served.address.port}/`);
    const viewer = await world.open(`?url=${url}&autoconnect`);
    await viewer.until((element) => element.microphone.isOffered);
    expect(served.testcard.sound.heardBytes).toBe(0);
    await viewer.run((element) => element.microphone.turnOn());
    await viewer.until((element) => element.microphone.state === "on");
    // Chromium's own beeps, with silence between.
    await viewer.until((element) => element.microphone.level > 0.05);
    let loudest = 0;
    for (let tries = 0; tries < 200 && loudest < 1000; tries++) {
      await viewer.page.waitForTimeout(50);
      loudest = Math.max(loudest, served.testcard.sound.loudest);
    }
    expect(loudest).toBeGreaterThanOrEqual(1000);
    expect(await viewer.run((element) => element.microphone.choices())).not.toEqual([]);
    await viewer.run((element) => element.microphone.turnOff());
    await viewer.page.waitForTimeout(500);
    const { heardBytes } = served.testcard.sound;
    await viewer.page.waitForTimeout(500);
    expect(served.testcard.sound.heardBytes).toBe(heardBytes);
    expect(viewer.errors).toEqual([]);
    await viewer.page.close();
  });

  it("is not to be had on a page that was not served securely", async () => {
    await using served = await ServedTestcard.start({ testcard, origins: "any" });
    const url = encodeURIComponent(`ws://127.0.0.1:${served.address.port}/`);
    const viewer = await world.openAt(`${world.insecureOrigin}/?url=${url}&autoconnect`);
    await viewer.until((element) => element.state.kind === "connected");
    await viewer.page.waitForTimeout(1000);
    expect(await viewer.run((element) => element.microphone.isOffered)).toBe(false);
  });
});

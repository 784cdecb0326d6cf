// The viewer lets a user hear the testcard: the tool appears with the sound, and turns it off and on.

import { ServedTestcard } from "@caraway/interop";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ViewerWorld } from "./viewer-page.ts";

describe("the sound of a viewer", () => {
  let world: ViewerWorld;
  let served: ServedTestcard;

  beforeAll(async () => {
    world = await ViewerWorld.start();
    const testcard = { sound: true, width: 480, height: 360, freezeAtMs: 500 } as const;
    served = await ServedTestcard.start({ testcard, origins: "any" });
  }, 300_000);

  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await served?.[Symbol.asyncDispose]();
  });

  it("is there, is told, and can be turned off and on by its tool", async () => {
    const url = encodeURIComponent(`ws://127.0.0.1:${served.address.port}/`);
    const viewer = await world.open(`?url=${url}&autoconnect`);
    await viewer.until((element) => element.soundState === "playing");
    const press = async (name: string) => {
      // The bar steps back while nobody uses it.
      await viewer.run((element) => {
        const controls = element.shadowRoot!.querySelector(".controls")!;
        controls.dispatchEvent(new PointerEvent("pointerenter", { pointerType: "mouse" }));
      });
      await viewer.page.getByRole("button", { name }).click();
    };
    await press("Turn the sound off");
    expect(await viewer.run((element) => element.muted)).toBe(true);
    await press("Turn the sound on");
    expect(await viewer.run((element) => element.muted)).toBe(false);
    // The guest's own volume follows the viewer's, if the user wants that.
    await viewer.until((element) => element.capabilities.agent);
    await viewer.run((element) => {
      element.volume = 0.25;
      element.wishes.syncsVolume = true;
    });
    const mixer = () => (served.testcard.snapshot(0) as { agent: { mixer: unknown } }).agent.mixer;
    await expect.poll(mixer).toEqual({ volume: [16384, 16384], mute: false });
    await press("Turn the sound off");
    await expect.poll(mixer).toMatchObject({ mute: true });
    expect(viewer.errors).toEqual([]);
  });
});

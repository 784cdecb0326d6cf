// spice-html5 at our server. It ignores most drawing commands, so the testcard is a framebuffer here.

import { setTimeout as delay } from "node:timers/promises";
import { compareImages, ServedTestcard, type ServedTestcardOptions } from "@caraway/interop";
import type { CompressionName } from "@caraway/server";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Html5Client, startChromium } from "../src/index.ts";

const compressions: CompressionName[] = ["off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4"];
const testcard = { width: 1024, height: 768, output: "framebuffer", freezeAtMs: 3000 } as const;

async function whenStill(served: ServedTestcard): Promise<void> {
  while (served.testcard.deadline() !== null) await delay(50);
}

/** Looks until the guest rests and the picture is its own; gives how many pixels are wrong in the end. */
async function wrongPixels(served: ServedTestcard, client: Html5Client): Promise<number> {
  await whenStill(served);
  let wrong = Number.POSITIVE_INFINITY;
  for (let looks = 0; looks < 50 && wrong > 0; looks++) {
    await delay(100);
    const picture = await client.picture();
    if (picture !== null) wrong = compareImages(picture, served.picture()).pixels;
  }
  return wrong;
}

describe("spice-html5 at our server", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  }, 900_000);
  afterAll(async () => {
    await browser?.close();
  });

  const start = (options: ServedTestcardOptions) => ServedTestcard.start({ testcard, ...options });

  it.each(compressions)("shows a framebuffer exactly with compression %s", async (compression) => {
    await using served = await start({ server: { compression } });
    await using client = await Html5Client.open(browser, served.address.port);
    // What comes while the desktop moves is most of it.
    await delay(testcard.freezeAtMs);
    expect(await wrongPixels(served, client)).toBe(0);
  });

  it("opens with a ticket, and types and drags", async () => {
    const tickets = [{ password: "open sesame", expiresAt: null, viewOnly: false }];
    await using served = await start({ server: { tickets } });
    await using client = await Html5Client.open(browser, served.address.port, "open sesame");
    await delay(testcard.freezeAtMs);
    await whenStill(served);
    const { mouse, keyboard } = client.page;
    const place = (await client.page.locator("#spice-screen canvas").first().boundingBox())!;
    const moveTo = (x: number, y: number) => mouse.move(place.x + x, place.y + y);
    await moveTo(100, 73);
    await mouse.down();
    for (let step = 1; step <= 10; step++) await moveTo(100 + step * 6, 73 + step * 3);
    await mouse.up();
    await keyboard.type("tea");
    const guest = () => served.testcard.snapshot(performance.now()) as GuestSnapshot;
    for (let looks = 0; looks < 100 && !guest().editor.text.endsWith("tea"); looks++) {
      await delay(50);
    }
    expect(guest().editor.text.endsWith("tea")).toBe(true);
    const { left, top } = guest().windows.find(({ name }) => name === "editor")!;
    expect([left, top]).toEqual([72, 92]);
    expect(await wrongPixels(served, client)).toBe(0);
  });

  it("stays outside with another password, and from pages of other origins", async () => {
    const tickets = [{ password: "open sesame", expiresAt: null, viewOnly: false }];
    await using served = await start({ server: { tickets } });
    await using stranger = await Html5Client.open(browser, served.address.port, "knock knock");
    await using wary = await start({ origins: ["https://console.example"] });
    await using foreigner = await Html5Client.open(browser, wary.address.port);
    while (!served.events.some(({ name }) => name === "link-refused")) await delay(50);
    await delay(500);
    expect(await stranger.picture()).toBeNull();
    expect(await foreigner.picture()).toBeNull();
    const names = [...served.events, ...wary.events].map(({ name }) => name);
    expect(names).not.toContain("client-joined");
  });
});

interface GuestSnapshot {
  readonly editor: { readonly text: string };
  readonly windows: readonly {
    readonly name: string;
    readonly left: number;
    readonly top: number;
  }[];
}

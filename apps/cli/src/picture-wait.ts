// Waiting for a picture that is worth looking at.

import { setTimeout as delay } from "node:timers/promises";
import type { Picture, SpiceClient } from "@caraway/node";

const lookEveryMs = 20;

/**
 * Waits until the server said that the picture is complete and all of it is drawn, then takes
 * what monitor number `display` shows. Null when the time is over first, or there is no such
 * monitor by then.
 */
export async function waitForPicture(
  client: SpiceClient,
  display: number,
  timeoutMs: number,
): Promise<Picture | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const picture = completePicture(client, display);
    if (picture !== null) return picture;
    if (client.ended || performance.now() >= deadline) return null;
    await delay(lookEveryMs);
  }
}

function completePicture(client: SpiceClient, display: number): Picture | null {
  const screen = client.screens.list()[display];
  if (screen === undefined || !client.screens.isShown(screen.channel)) return null;
  if (client.renderer.pending(screen.channel) > 0) return null;
  return client.screens.picture(screen);
}

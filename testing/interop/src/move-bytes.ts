// How many bytes our servers send on the display to spice-gtk and to our own client, in the seconds
// before and behind a seamless move of the testcard.

import { setTimeout as delay } from "node:timers/promises";
import type { TestcardOptions } from "@caraway/testcard";
import { CarawayClient, endpointOf } from "./caraway-client.ts";
import { startGtkClient } from "./gtk-client.ts";
import { MovingTestcard } from "./moving-testcard.ts";
import { compareImages } from "./rgb-image.ts";

export interface MoveBytes {
  readonly before: number;
  readonly after: number;
}

/** Milliseconds of each window. */
export const moveWindowMs = 5000;
/** The desktop and its pictures have come to their pace by then. */
const settleMs = 3000;

/**
 * spice-gtk is the first client, ours the second.
 *
 * @throws when a channel is not kept, or a picture not exact at the end.
 */
export async function measureMoveBytes(
  testcard: TestcardOptions,
): Promise<{ readonly gtk: MoveBytes; readonly ours: MoveBytes }> {
  await using moving = await MovingTestcard.start({
    testcard: { width: 1024, height: 768, ...testcard },
  });
  await using gtk = await startGtkClient(moving.address);
  await gtk.waitFor("mark");
  await using ours = new CarawayClient(endpointOf(moving.address), {});
  while (!ours.client.screens.isShown(0)) await delay(20);
  await delay(settleMs);
  const begun = displayBytes(moving);
  await delay(moveWindowMs);
  const ended = displayBytes(moving);
  const { outcomes } = await moving.move("seamless", true);
  await delay(moveWindowMs);
  // All that the target has sent: it begins with the channels' links.
  const after = displayBytes(moving);
  const lost = outcomes.filter((outcome) => !outcome.endsWith(" kept"));
  if (lost.length > 0) throw new Error(`not kept: ${lost.join(", ")}`);
  moving.here.server.input({ type: "stop" });
  while (moving.testcard.deadline() !== null) await delay(100);
  const wanted = moving.picture();
  for (const shown of [await gtk.dumpWhenEqual(wanted), await ours.pictureWhenEqual(wanted)]) {
    const { pixels } = compareImages(shown, wanted);
    if (pixels > 0) throw new Error(`${pixels} pixels are wrong behind the move`);
  }
  const of = (index: number): MoveBytes => {
    return { before: ended[index]! - begun[index]!, after: after[index]! };
  };
  return { gtk: of(0), ours: of(1) };
}

/** Bytes to each client on its display, in the order in which they came. */
function displayBytes({ here }: MovingTestcard): number[] {
  const connections = new Map<number, number>();
  for (const event of here.events) {
    if (event.name !== "channel-linked" || event.channel !== "display 0") continue;
    connections.set(event.client, event.connection);
  }
  return [...connections]
    .sort(([one], [other]) => one - other)
    .map(([, connection]) => here.server.sentOn(connection));
}

// One smoke of the real spice-server with a device that draws what it is told: every operation, as its own canvas, spice-gtk and our
// client show it.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CarawayClient, endpointOf } from "../src/caraway-client.ts";
import {
  compareImages,
  countColours,
  type DrawServer,
  drawingSamples,
  type GtkClient,
  type RgbImage,
  sampleSize,
  startDrawServer,
  startGtkClient,
  withSample,
} from "../src/index.ts";

/** Names of samples that a client does not show as the server does. */
async function findDifferences(server: DrawServer, show: (truth: RgbImage) => Promise<RgbImage>) {
  const different: string[] = [];
  for (const sample of drawingSamples()) {
    await withSample(server, sample, async (truth) => {
      expect(countColours(truth)).toBe(256);
      const { pixels, box } = compareImages(await show(truth), truth);
      if (pixels > 0) different.push(`${sample.name}: ${pixels} pixels in ${JSON.stringify(box)}`);
    });
  }
  return different;
}

describe("every drawing operation of spice-server", () => {
  let server: DrawServer;
  let gtk: GtkClient | undefined;
  let ours: CarawayClient | undefined;
  beforeAll(async () => {
    server = await startDrawServer();
    await server.createPrimary(sampleSize.width, sampleSize.height);
  });
  afterAll(async () => {
    ours?.close();
    await gtk?.close();
    await server?.close();
  });

  it("looks the same in spice-gtk", async () => {
    gtk = await startGtkClient(server.address);
    await gtk.waitFor("mark");
    const client = gtk;
    expect(await findDifferences(server, (truth) => client.dumpWhenEqual(truth))).toEqual([]);
    await client.close();
  });

  it("looks the same in our client", async () => {
    const client = new CarawayClient(endpointOf(server.address), {});
    ours = client;
    await client.settle();
    expect(await findDifferences(server, (truth) => client.pictureWhenEqual(truth))).toEqual([]);
  });
});

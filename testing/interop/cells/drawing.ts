// Every drawing operation, sent by the real spice-server: what our client shows equals what spice-server's own canvas drew, on a primary
// surface of each format, with each image compression.

import {
  CarawayClient,
  type Cell,
  type CellResult,
  compareImages,
  drawingSamples,
  endpointOf,
  sampleSize,
  startDrawServer,
  withSample,
} from "@caraway/interop";
import { ImageCompression, SurfaceFormat } from "@caraway/protocol";

const formats = ["32_xRGB", "32_ARGB", "16_555", "16_565"] as const;

async function drawingCell(format: number, compression: number): Promise<CellResult> {
  const server = await startDrawServer({ compression });
  const client = new CarawayClient(endpointOf(server.address), {});
  try {
    // PEER: spice-server ends when it has to send a 16_565 surface as a picture, so the client comes before the surface.
    await server.waitForDisplay();
    await server.createPrimary(sampleSize.width, sampleSize.height, format);
    await client.settle();
    const samples = drawingSamples(format);
    const wrong: string[] = [];
    for (const sample of samples) {
      await withSample(server, sample, async (truth) => {
        const { pixels } = compareImages(await client.pictureWhenEqual(truth), truth);
        if (pixels > 0) wrong.push(`${sample.name}: ${pixels} pixels`);
      });
    }
    const facts = { samples: samples.length };
    if (wrong.length > 0) return { outcome: "failed", detail: wrong.join("; "), facts };
    return { outcome: "passed", detail: `${samples.length} drawings equal`, facts };
  } finally {
    client.close();
    await server.close();
  }
}

export const cells: readonly Cell[] = formats.flatMap((format) =>
  Object.entries(ImageCompression).map(([name, compression]) => ({
    name: `drawing on ${format}, image-compression ${name.toLowerCase()}`,
    run: () => drawingCell(SurfaceFormat[format], compression),
  })),
);

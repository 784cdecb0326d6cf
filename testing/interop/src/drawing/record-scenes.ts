// Records what spice-gtk draws for some scenes, so that tests can hold our renderer to it without spice-gtk:
// `npx tsx --conditions=@caraway/source testing/interop/src/drawing/record-scenes.ts`.

import { mkdirSync, writeFileSync } from "node:fs";
import { displayCodec } from "@caraway/protocol";
import { type ArchivedFile, packArchive } from "@caraway/vectors";
import { drawWithGtk, makeSheet, scenesPerSheet, sheetMessages } from "./draw-comparison.ts";
import type { DisplayMessage } from "./scene-state.ts";

const sheets = 5;
const folder = new URL("../../../vectors/data/canvas/", import.meta.url);

/** Messages as on the wire with mini headers: type u16, size u32, body. */
function packMessages(messages: readonly DisplayMessage[]): Uint8Array {
  const parts = messages.flatMap((message) => {
    const { id, body } = displayCodec.server.encode(message);
    const header = Buffer.alloc(6);
    header.writeUInt16LE(id, 0);
    header.writeUInt32LE(body.length, 2);
    return [header, body];
  });
  return Buffer.concat(parts);
}

const files: ArchivedFile[] = [];
for (let sheet = 0; sheet < sheets; sheet++) {
  const firstSeed = 1 + sheet * scenesPerSheet;
  const scenes = makeSheet(firstSeed, scenesPerSheet);
  const messages = sheetMessages(scenes);
  const { width, height, data } = await drawWithGtk(messages);
  // Scenes are shown doubled, so every other pixel of every other row is all there is to know.
  const picture = Buffer.alloc((width / 2) * (height / 2) * 3);
  for (let y = 0; y < height / 2; y++) {
    for (let x = 0; x < width / 2; x++) {
      const from = 3 * (2 * y * width + 2 * x);
      picture.set(data.subarray(from, from + 3), 3 * (y * (width / 2) + x));
    }
  }
  const index = { width: width / 2, height: height / 2, scenes: scenes.map(halve) };
  const name = `sheet-${sheet + 1}`;
  files.push({ path: `${name}.json`, bytes: Buffer.from(JSON.stringify(index)) });
  files.push({ path: `${name}.messages`, bytes: packMessages(messages) });
  files.push({ path: `${name}.rgb`, bytes: picture });
}
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("scenes.br", folder), packArchive(files));

function halve({ seed, cell }: ReturnType<typeof makeSheet>[number]) {
  const { left, top, right, bottom } = cell;
  const half = { left: left / 2, top: top / 2, right: right / 2, bottom: bottom / 2 };
  return { seed, cell: half };
}

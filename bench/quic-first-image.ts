// Decodes one QUIC image in a fresh process and prints the milliseconds of processor time that the
// decoder took from nothing: `quic-first-image.ts wasm|typescript|spice-html5`, the image on stdin.

import { readFileSync } from "node:fs";
import { decodeQuic } from "@caraway/codecs";
import { loadKernels } from "../io/node/src/kernels.ts";
import { loadHtml5Quic } from "./spice-html5.ts";

const data = new Uint8Array(readFileSync(0));
const start = process.cpuUsage();
switch (process.argv[2]) {
  case "wasm":
    loadKernels().quic.decode(data);
    break;
  case "typescript":
    decodeQuic(data);
    break;
  default:
    (await loadHtml5Quic())(data);
}
const { user, system } = process.cpuUsage(start);
console.log((user + system) / 1000);

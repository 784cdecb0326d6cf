// A real browser as the place of tests.

export { type ChromiumOptions, startChromium } from "./chromium.ts";
export {
  type BuiltPage,
  buildConfigured,
  buildPage,
  buildProgram,
  buildScript,
  type PageServer,
  servePage,
} from "./page-server.ts";
export { type Clip, PlainPage } from "./plain-page.ts";
export { decodePng, seenPicture } from "./seen-picture.ts";
export { Html5Client } from "./spice-html5.ts";

// Debian's Chromium without a window, driven by Playwright.

import { ensurePackages } from "@caraway/interop";
import { type Browser, chromium } from "playwright-core";

const program = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

const flags = [
  // As root, which is what containers are, Chromium runs without its sandbox or not at all.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Screenshots are compared pixel by pixel.
  "--force-color-profile=srgb",
];

const microphoneFlags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

export interface ChromiumOptions {
  /** Names that lead to this machine, so that pages from them are of no secure origin. */
  readonly localNames?: readonly string[];
  /** A microphone that beeps, which every page may use. */
  readonly microphone?: boolean;
}

export async function startChromium(options: ChromiumOptions = {}): Promise<Browser> {
  await ensurePackages(["chromium"]);
  const rules = (options.localNames ?? []).map((name) => `MAP ${name} 127.0.0.1`);
  return await chromium.launch({
    executablePath: program,
    args: [
      ...flags,
      ...(options.microphone === true ? microphoneFlags : []),
      ...(rules.length > 0 ? [`--host-resolver-rules=${rules.join(",")}`] : []),
    ],
    // A signal must not leave the test run hanging.
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}

import { defaultViewerOptions } from "@caraway/node";
import { Command } from "commander";
import { expect, it } from "vitest";
import { addGuestOptions, type GuestFlags, guestCommands } from "../src/guest-wishes.ts";

function wishesOf(words: readonly string[], viewer = defaultViewerOptions) {
  const command = addGuestOptions(new Command("connect"))
    .exitOverride()
    .configureOutput({
      writeErr: () => {},
    });
  return guestCommands(command.parse(words, { from: "user" }).opts<GuestFlags>(), viewer);
}

it("wishes for nothing that nobody named", () => {
  expect(wishesOf([])).toEqual([]);
});

it("makes of the options what the guest's agent is told", () => {
  const words = ["--resize", "800x600", "--disable-effects", "wallpaper,animation"];
  expect(wishesOf([...words, "--color-depth", "16", "--guest-volume", "50"])).toEqual([
    { name: "monitors", monitors: [{ width: 800, height: 600, x: 0, y: 0 }] },
    {
      name: "display-config",
      config: { wallpaper: false, fontSmoothing: true, animation: false, colorDepth: 16 },
    },
    { name: "volume", kind: "playback", mute: false, volume: [32768, 32768] },
  ]);
});

it("takes from a .vv file what no option says", () => {
  const viewer = { ...defaultViewerOptions, disabledEffects: ["all"], colorDepth: 32 };
  const config = { wallpaper: false, fontSmoothing: false, animation: false, colorDepth: 32 };
  expect(wishesOf([], viewer)).toEqual([{ name: "display-config", config }]);
  const [other] = wishesOf(["--disable-effects", "animation"], viewer);
  expect(other).toMatchObject({ config: { wallpaper: true, animation: false, colorDepth: 32 } });
});

it("refuses what makes no sense", () => {
  for (const words of ["--guest-volume 101", "--color-depth 24", "--disable-effects colours"]) {
    expect(() => wishesOf(words.split(" ")), words).toThrow();
  }
});

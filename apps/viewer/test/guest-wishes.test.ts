import type { SessionCommand } from "@caraway/client";
import { expect, it } from "vitest";
import { GuestWishes } from "../src/guest-wishes.ts";

function subject() {
  const commands: SessionCommand[] = [];
  const follows: boolean[] = [];
  const sound = {
    get isGuestAsLoud() {
      return follows.at(-1) ?? false;
    },
    set isGuestAsLoud(isSo: boolean) {
      follows.push(isSo);
    },
  };
  const wishes = new GuestWishes((command) => commands.push(command), sound);
  const agent = (...capabilities: string[]) => {
    wishes.event({ name: "agent", connected: true, capabilities, error: null });
  };
  return { wishes, commands, follows, agent };
}

const session = { name: "session", sessionId: 1, ramHint: 0 } as const;

it("says nothing that nobody asked for", () => {
  const { wishes, commands, agent } = subject();
  wishes.event(session);
  agent("AUDIO_VOLUME_SYNC");
  wishes.volumeIs(0.5, false);
  expect(commands).toEqual([]);
});

it("tells the guest the user's volume, each change and in each session", () => {
  const { wishes, commands } = subject();
  wishes.syncsVolume = true;
  wishes.volumeIs(0.5, false);
  wishes.volumeIs(0.5, true);
  wishes.volumeIs(0.5, true);
  wishes.event(session);
  const half = { name: "volume", kind: "playback", volume: [32768, 32768] };
  expect(commands).toEqual([
    { ...half, mute: false, volume: [65535, 65535] },
    { ...half, mute: false },
    { ...half, mute: true },
    { ...half, mute: true },
  ]);
});

it("leaves the loudness to the guest only while its agent can set it", () => {
  const { wishes, follows, agent } = subject();
  wishes.syncsVolume = true;
  agent("CLIPBOARD_BY_DEMAND");
  agent("CLIPBOARD_BY_DEMAND", "AUDIO_VOLUME_SYNC");
  wishes.syncsVolume = false;
  expect(follows).toEqual([false, false, true, false]);
});

it("tells what the desktop may leave out, in each session", () => {
  const { wishes, commands } = subject();
  const config = { wallpaper: false, fontSmoothing: true, animation: false, colorDepth: null };
  wishes.displayConfig = config;
  wishes.event(session);
  expect(commands).toEqual([
    { name: "display-config", config },
    { name: "display-config", config },
  ]);
});

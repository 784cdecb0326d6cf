import { afterEach, describe, expect, it } from "vitest";
import { SoundFeeds } from "../src/sound-feeds.ts";
import type { ToSoundWorklet } from "../src/sound-worklet-message.ts";

const format = { channels: 2, frequency: 48_000 };
const ports: MessagePort[] = [];

afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

function start(channels = 2) {
  return { name: "playback-start", channelId: 0, channels, frequency: 48_000, time: 0 } as const;
}

function data(time: number) {
  const bytes = Uint8Array.of(0, 64, 0, 192);
  return { name: "playback-data", channelId: 0, coding: "raw", time, data: bytes } as const;
}

/** A way to a worklet, and what came there. */
function worklet() {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const heard: ToSoundWorklet[] = [];
  const next = () =>
    new Promise<void>((resolve) =>
      port1.addEventListener("message", () => resolve(), { once: true }),
    );
  port1.onmessage = ({ data: message }: MessageEvent<ToSoundWorklet>) => heard.push(message);
  return { port: port2, heard, next };
}

describe("sound on its straight way to a worklet", () => {
  it("passes the page by, sample by sample", async () => {
    const feeds = new SoundFeeds();
    expect(feeds.take(start())).toBe(false);
    expect(feeds.take(data(1))).toBe(false);
    const { port, heard, next } = worklet();
    feeds.attach(0, format, port);
    const came = next();
    expect(feeds.take(data(7))).toBe(true);
    await came;
    expect(heard).toMatchObject([{ type: "push", time: 7 }]);
    expect([...(heard[0] as { samples: Float32Array }).samples]).toEqual([0.5, -0.5]);
    feeds.attach(0, format, null);
    expect(feeds.take(data(8))).toBe(false);
  });

  it("ends with the format that it was made for", () => {
    const feeds = new SoundFeeds();
    feeds.take(start());
    feeds.attach(0, format, worklet().port);
    expect(feeds.take(start())).toBe(false);
    expect(feeds.take(data(1))).toBe(true);
    feeds.take(start(1));
    expect(feeds.take(data(2))).toBe(false);
    // What the page has made for the sound before comes too late.
    feeds.attach(0, format, worklet().port);
    expect(feeds.take(data(3))).toBe(false);
    feeds.close();
  });
});

// What lies over a video: a menu that stands still while the picture below it plays on is clipped out
// of the stream, and is exact at spice-gtk and at our client.

import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  endpointOf,
  type RgbImage,
  startGtkClient,
} from "@caraway/interop";
import { GuestServer } from "@caraway/node";
import type { Guest, GuestInput, GuestOutput } from "@caraway/server";

const width = 480;
const height = 360;
const video = { left: 80, top: 60, right: 400, bottom: 252 };
const menu = { left: 160, top: 96, right: 288, bottom: 208 };
const frameMs = 40;
/** What of the menu no tile shares with the video. */
const inside = { left: 176, top: 112, right: 272, bottom: 192 };

type Place = typeof video;

/** A framebuffer in which a picture plays, and a menu lies over it from some time on. */
class PlayingGuest implements Guest {
  readonly pixels = new Uint32Array(width * height).fill(0x405060);
  hasMenu = false;
  #outputs: GuestOutput[] = [
    { type: "identity", name: "playing", uuid: null },
    { type: "attach", device: { kind: "display", id: 0 } },
    {
      ...{ type: "surface-create", display: 0, surface: 0, width, height, format: 32 },
      content: { stride: width * 4, data: new Uint8Array(this.pixels.buffer.slice(0)) },
    },
    { type: "ready" },
  ];
  #nextAt: number | null = null;
  #frame = 0;

  handle(input: GuestInput, now: number): void {
    if (input.type === "run") {
      this.#outputs.push({ type: "running", running: true });
      this.#nextAt = now;
    }
    if (input.type !== "timeout" || this.#nextAt === null || now < this.#nextAt) return;
    this.#nextAt = Math.max(this.#nextAt + frameMs, now);
    this.#paint(this.#frame++);
  }

  poll(): GuestOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): number | null {
    return this.#nextAt;
  }

  snapshot(): unknown {
    return { frame: this.#frame };
  }

  #paint(frame: number): void {
    const columns = video.right - video.left;
    const data = new Uint32Array(columns * (video.bottom - video.top));
    for (let y = video.top; y < video.bottom; y++) {
      for (let x = video.left; x < video.right; x++) {
        const color = this.hasMenu && isIn(menu, x, y) ? menuAt(x, y) : videoAt(x, y, frame);
        this.pixels[y * width + x] = color;
        data[(y - video.top) * columns + x - video.left] = color;
      }
    }
    const pixels = { stride: columns * 4, data: new Uint8Array(data.buffer) };
    this.#outputs.push({ type: "update", display: 0, surface: 0, box: video, pixels });
  }
}

function isIn({ left, top, right, bottom }: Place, x: number, y: number): boolean {
  return x >= left && x < right && y >= top && y < bottom;
}

function menuAt(x: number, y: number): number {
  return (x >> 2) % 5 === 0 && y % 16 > 4 ? 0x101010 : 0xe8e8e0;
}

function videoAt(x: number, y: number, frame: number): number {
  const red = 128 + 100 * Math.sin((x + frame * 3) / 17);
  const green = 128 + 100 * Math.sin((y + frame * 2) / 13);
  return (red << 16) | (green << 8) | ((x + y + frame) & 255);
}

/** Pixels inside of the menu that are not the guest's. */
function wrongPixels(guest: PlayingGuest, { data }: RgbImage): number {
  let wrong = 0;
  for (let y = inside.top; y < inside.bottom; y++) {
    for (let x = inside.left; x < inside.right; x++) {
      const at = (y * width + x) * 3;
      const shown = (data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!;
      if (shown !== guest.pixels[y * width + x]) wrong += 1;
    }
  }
  return wrong;
}

/** Of the streams that go on: how many boxes they show. */
function shownBoxes(server: GuestServer): number[] {
  const found: number[] = [];
  JSON.stringify(server.snapshot(), (key, value) => {
    if (key === "shown" && Array.isArray(value)) found.push(value.length);
    return typeof value === "bigint" ? `${value}` : value;
  });
  return found;
}

async function clips(): Promise<CellResult> {
  const guest = new PlayingGuest();
  const server = await GuestServer.start({
    guest,
    listen: [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }],
  });
  try {
    const [listening] = server.addresses;
    const port = listening?.kind === "tcp" ? listening.port : 0;
    const address = { host: "127.0.0.1", port, tlsPort: 0, unixPath: null, password: null };
    await using ours = new CarawayClient(endpointOf(address), {});
    await using gtk = await startGtkClient(address);
    await gtk.waitFor("mark");
    await delay(4000);
    const before = shownBoxes(server);
    guest.hasMenu = true;
    await delay(4000);
    const during = shownBoxes(server);
    const atGtk = wrongPixels(guest, await gtk.dump());
    const atOurs = wrongPixels(guest, ours.picture());
    guest.hasMenu = false;
    await delay(4000);
    const after = shownBoxes(server);
    const isGood =
      before.some((boxes) => boxes === 1) &&
      during.filter((boxes) => boxes > 1).length >= 2 &&
      after.some((boxes) => boxes === 1) &&
      atGtk === 0 &&
      atOurs === 0;
    const detail =
      `streams show ${before.join(", ")} boxes before the menu, ${during.join(", ")} below it, ` +
      `${after.join(", ")} behind it; of the menu ${atGtk} pixels differ at spice-gtk, ` +
      `${atOurs} at ours`;
    return { outcome: isGood ? "passed" : "failed", detail };
  } finally {
    await server.close();
  }
}

export const cells: readonly Cell[] = [
  { name: "a menu over a video is clipped out and exact", run: clips },
];

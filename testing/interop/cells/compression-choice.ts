// Which image types our server and the real spice-server choose for the same pictures, by each `image-compression`. Where they differ, and
// why, is written in docs/serving.md; this holds the differences to those.

import { setTimeout as delay } from "node:timers/promises";
import {
  CarawayClient,
  type Cell,
  type CellResult,
  endpointOf,
  type SpiceAddress,
  startDrawServer,
} from "@caraway/interop";
import { GuestServer } from "@caraway/node";
import {
  BitmapFormat,
  ClipType,
  ImageCompression,
  ImageType,
  RopDescriptor,
  SurfaceFormat,
} from "@caraway/protocol";
import type { CompressionName, Drawing, Guest, GuestInput, GuestOutput } from "@caraway/server";

interface TestPicture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly format: BitmapFormat;
  readonly stride: number;
  readonly data: Uint8Array;
  readonly palette: readonly number[] | null;
}

type Paint = (x: number, y: number) => number;

const wave = (x: number, y: number) => 128 + 60 * Math.sin(x / 23 + y / 41) + 50 * Math.cos(y / 17);
const rgb = (red: number, green: number, blue: number) =>
  (Math.round(red) << 16) | (Math.round(green) << 8) | Math.round(blue);
/** From 0 to 1, without a pattern. */
const scatter = (x: number, y: number) => {
  let mixed = Math.imul(x + 1, 0x85ebca6b) ^ Math.imul(y + 1, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
};
const paper = 0xf4f0e8;

/** What is seen on desktops, as `0x00RRGGBB`. */
const paints: Readonly<Record<string, Paint>> = {
  photo: (x, y) => {
    const noise = scatter(x, y) * 8;
    return rgb(wave(x, y) * 0.9 + noise, wave(y, x) * 0.8 + noise, wave(x + 9, y) * 0.7 + noise);
  },
  slope: (x, y) => rgb(x & 255, (x + y) & 255, 255 - (y & 255)),
  sky: (_x, y) => rgb(90 + (y >> 2), 140 + (y >> 3), 220),
  text: (x, y) => ((y & 15) < 11 && scatter(x >> 1, y >> 1) > 0.7 ? 0x202020 : paper),
  flat: () => 0x336699,
  icons: (x, y) => (((x >> 4) ^ (y >> 4)) & 1 ? 0xcc4422 + ((x & 15) << 3) : paper),
  noise: (x, y) => Math.floor(scatter(x, y) * 0xffffff),
  stripes: (x) => (x & 1 ? 0x000000 : 0xffffff),
  "photo in a page": (x, y) => (x > 60 && x < 196 && y > 40 ? wavePhoto(x, y) : textAt(x, y)),
};
function wavePhoto(x: number, y: number): number {
  return rgb(wave(x, y), wave(y, x), wave(x + 5, y + 9));
}
function textAt(x: number, y: number): number {
  return (y & 15) < 11 && scatter(x >> 1, y >> 1) > 0.7 ? 0x303030 : paper;
}

function picture(
  name: string,
  format: BitmapFormat,
  width: number,
  height: number,
  paint: Paint,
): TestPicture {
  const bytes = { [BitmapFormat["16BIT"]]: 2, [BitmapFormat["24BIT"]]: 3 }[format as number] ?? 4;
  const stride = Math.ceil((width * bytes) / 4) * 4;
  const data = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const color = paint(x, y);
      const at = y * stride + x * bytes;
      const five = (shift: number) => (color >> (shift + 3)) & 31;
      const value = bytes === 2 ? (five(16) << 10) | (five(8) << 5) | five(0) : color;
      for (let byte = 0; byte < Math.min(bytes, 3); byte++) data[at + byte] = value >> (8 * byte);
      if (format === BitmapFormat.RGBA) data[at + 3] = 255;
    }
  }
  return { name, format, width, height, stride, data, palette: null };
}

function paletted(name: string, width: number, height: number, paint: Paint): TestPicture {
  const palette = Array.from({ length: 256 }, (_, index) => index * 0x010101);
  const data = new Uint8Array(width * height);
  for (let at = 0; at < data.length; at++) data[at] = paint(at % width, Math.floor(at / width));
  return { name, format: BitmapFormat["8BIT"], width, height, stride: width, data, palette };
}

function testPictures(): TestPicture[] {
  const formats = { "32BIT": "32", RGBA: "RGBA", "24BIT": "24", "16BIT": "16" } as const;
  const all = Object.entries(paints).map(([name, paint]) =>
    picture(`${name}, 32`, BitmapFormat["32BIT"], 256, 192, paint),
  );
  for (const [format, name] of Object.entries(formats).slice(1)) {
    for (const kind of ["photo", "text"]) {
      const value = BitmapFormat[format as keyof typeof formats];
      all.push(picture(`${kind}, ${name}`, value, 256, 192, paints[kind]!));
    }
  }
  for (const [width, height] of [
    [2, 2],
    [4, 3],
    [4, 4],
    [64, 2],
    [2, 64],
    [8, 8],
    [24, 24],
  ] as const) {
    const name = `photo, 32, ${width} by ${height}`;
    all.push(picture(name, BitmapFormat["32BIT"], width, height, paints["photo"]!));
  }
  all.push(paletted("photo, 8", 256, 192, wave));
  all.push(paletted("text, 8", 256, 192, (x, y) => (textAt(x, y) === paper ? 255 : 0)));
  return all;
}

const size = { width: 256, height: 192 };

/** The types of the images that a client gets, in the order in which the pictures are drawn. */
async function typesOf(
  address: SpiceAddress,
  pictures: readonly TestPicture[],
  draw: (picture: TestPicture) => Promise<void> | void,
  ready: () => Promise<void>,
): Promise<string[]> {
  const types: string[] = [];
  const names = new Map(Object.entries(ImageType).map(([name, type]) => [type as number, name]));
  let isCounting = false;
  const client = new CarawayClient(endpointOf(address), {
    onRender: (command) => {
      if (!isCounting || command.type !== "apply" || command.message.name !== "DRAW_COPY") return;
      types.push(names.get(command.message.body.srcBitmap!.type) ?? "?");
    },
  });
  try {
    await ready();
    await client.settle();
    isCounting = true;
    for (const [index, each] of pictures.entries()) {
      await draw(each);
      for (let waited = 0; types.length <= index; waited += 5) {
        if (waited > 10_000) throw new Error(`${each.name} did not arrive`);
        await delay(5);
      }
    }
    return types;
  } finally {
    client.close();
  }
}

async function typesBySpiceServer(
  compression: CompressionName,
  jpeg: "always" | "never",
  pictures: readonly TestPicture[],
): Promise<string[]> {
  const name = compression.toUpperCase() as keyof typeof ImageCompression;
  await using server = await startDrawServer({ compression: ImageCompression[name], jpeg });
  return await typesOf(
    server.address,
    pictures,
    async ({ name: _name, palette, ...bitmap }) => {
      const { width, height } = bitmap;
      const box = { left: 0, top: 0, right: width, bottom: height };
      server.draw({
        surface: 0,
        box,
        operation: {
          kind: "copy",
          rop: RopDescriptor.OP_PUT,
          source: { kind: "bitmap", ...bitmap, ...(palette === null ? {} : { palette }) },
          sourceArea: box,
        },
      });
      await server.render();
    },
    async () => {
      await server.waitForDisplay();
      await server.createPrimary(size.width, size.height);
    },
  );
}

/** Shows what it is told to. */
class ScriptGuest implements Guest {
  readonly #outputs: GuestOutput[] = [
    { type: "identity", name: "pictures", uuid: null },
    { type: "attach", device: { kind: "display", id: 0 } },
    {
      type: "surface-create",
      display: 0,
      surface: 0,
      ...size,
      format: SurfaceFormat["32_xRGB"],
      content: null,
    },
    { type: "ready" },
    { type: "running", running: true },
  ];

  draw(drawing: Drawing): void {
    this.#outputs.push({ type: "draw", display: 0, drawing });
  }

  handle(_input: GuestInput): void {}

  poll(): GuestOutput | null {
    return this.#outputs.shift() ?? null;
  }

  deadline(): null {
    return null;
  }

  snapshot(): unknown {
    return null;
  }
}

async function typesByOurs(
  compression: CompressionName,
  jpeg: "always" | "never",
  pictures: readonly TestPicture[],
): Promise<string[]> {
  const guest = new ScriptGuest();
  const listen = [{ kind: "tcp", host: "127.0.0.1", port: 0, tls: false }] as const;
  const server = await GuestServer.start({ guest, listen, server: { compression, jpeg } });
  const [first] = server.addresses;
  const port = first?.kind === "tcp" ? first.port : 0;
  const address = { host: "127.0.0.1", port, tlsPort: 0, unixPath: null, password: null };
  try {
    return await typesOf(
      address,
      pictures,
      ({ name: _name, palette, ...bitmap }) => {
        const { width, height } = bitmap;
        const box = { left: 0, top: 0, right: width, bottom: height };
        guest.draw({
          name: "DRAW_COPY",
          body: {
            base: { surfaceId: 0, box, clip: { type: ClipType.NONE } },
            srcBitmap: {
              kind: "pixels",
              key: null,
              ...bitmap,
              topDown: true,
              palette: palette === null ? null : { key: null, colors: palette },
              highBitsSet: false,
            },
            srcArea: box,
            ropDescriptor: RopDescriptor.OP_PUT,
            scaleMode: 0,
            mask: { flags: 0, pos: { x: 0, y: 0 }, bitmap: null },
          },
        });
        server.drainGuest();
      },
      async () => {},
    );
  } finally {
    await server.close();
  }
}

/** What is different by intent, and only with JPEG; for the reasons see docs/serving.md. */
function isIntended(name: string, compression: CompressionName, ours: string): boolean {
  const isSmall = / by /.test(name);
  const isPhoto = /^(photo|slope),/.test(name);
  return ours === "QUIC" && (isSmall || (compression === "quic" && !isPhoto));
}

async function choiceCell(
  compression: CompressionName,
  jpeg: "always" | "never",
): Promise<CellResult> {
  const pictures = testPictures();
  const theirs = await typesBySpiceServer(compression, jpeg, pictures);
  const ours = await typesByOurs(compression, jpeg, pictures);
  const different = pictures
    .map(({ name }, at) => ({ name, there: theirs[at]!, here: ours[at]! }))
    .filter(({ there, here }) => there !== here);
  const unknown = different
    .filter(({ name, here }) => jpeg === "never" || !isIntended(name, compression, here))
    .map(({ name, there, here }) => `${name}: ${there} there, ${here} here`);
  const facts = { pictures: pictures.length, "different by intent": different.length };
  if (unknown.length > 0) return { outcome: "failed", detail: unknown.join("; "), facts };
  const detail = different.length === 0 ? "the same types" : "the same, but for what is intended";
  return { outcome: "passed", detail, facts };
}

const compressions = ["off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4"] as const;

export const cells: readonly Cell[] = [
  ...compressions.map((name) => ({
    name: `image-compression ${name}`,
    run: () => choiceCell(name, "never"),
  })),
  ...(["auto_glz", "quic"] as const).map((name) => ({
    name: `image-compression ${name}, JPEG always`,
    run: () => choiceCell(name, "always"),
  })),
];

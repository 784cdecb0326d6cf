// What our client shows equals what the guest shows, pixel for pixel, at several moments of a busy
// guest: each display device with each image compression, and what JPEG may lose on a WAN.

import { setTimeout as delay } from "node:timers/promises";
import type { RenderCommand } from "@caraway/client";
import {
  type CarawayClient,
  type Cell,
  type CellResult,
  compareImages,
  comparePictures,
  connectCaraway,
  type DisplayDevice,
  type SpiceOptions,
  startSavedVm,
  type Vm,
} from "@caraway/interop";
import { ImageCompression, ImageFlag, ImageType } from "@caraway/protocol";

const devices = ["qxl-vga", "VGA", "virtio-vga"] as const;
const compressions = {
  off: ImageCompression.OFF,
  auto_glz: ImageCompression.AUTO_GLZ,
  auto_lz: ImageCompression.AUTO_LZ,
  quic: ImageCompression.QUIC,
  glz: ImageCompression.GLZ,
  lz: ImageCompression.LZ,
} as const;

/** Loads that follow each other; a picture is compared in the middle of each. */
const loads = ["scroll", "draw", "perf", "anim", "scroll draw perf"];

/** Runs `check` in the middle of each load. */
async function underLoads(vm: Vm, check: (load: string) => Promise<void>): Promise<void> {
  for (const load of loads) {
    await vm.shell.run(`busy start ${load}`);
    try {
      await delay(2000);
      await check(load);
    } finally {
      await vm.shell.run("busy stop");
    }
  }
}

/** How many images of each type were drawn. */
class ImageCount {
  readonly #counts = new Map<number, number>();

  note(command: RenderCommand): void {
    const image = sourceOf(command);
    if (image !== null) this.#counts.set(image.type, (this.#counts.get(image.type) ?? 0) + 1);
  }

  get text(): string {
    const names = Object.entries(ImageType).filter(([, type]) => this.#counts.has(type));
    return names.map(([name, type]) => `${name}:${this.#counts.get(type)}`).join(" ");
  }

  count(...types: number[]): number {
    return types.reduce((sum, type) => sum + (this.#counts.get(type) ?? 0), 0);
  }
}

function sourceOf(command: RenderCommand) {
  if (command.type !== "apply") return null;
  const { body } = command.message;
  return "srcBitmap" in body ? body.srcBitmap : null;
}

async function exactCell(
  device: DisplayDevice,
  name: keyof typeof compressions,
): Promise<CellResult> {
  const vm = await startSavedVm(device);
  const images = new ImageCount();
  const client = connectCaraway(vm, {
    session: { preferredCompression: compressions[name] },
    onRender: (command) => images.note(command),
  });
  try {
    await client.settle();
    const wrong: string[] = [];
    await underLoads(vm, async (load) => {
      const difference = await comparePictures(vm, client);
      if (difference.pixels > 0) wrong.push(`${load}: ${JSON.stringify(difference)}`);
    });
    const facts = { images: images.text, moments: loads.length };
    if (wrong.length > 0) return { outcome: "failed", detail: wrong.join("; "), facts };
    return { outcome: "passed", detail: `equal at ${loads.length} moments`, facts };
  } finally {
    client.close();
    await vm.close();
  }
}

/** Which pixels of the primary surface may differ, because a lossy image was drawn there. */
class LossyArea {
  #width = 0;
  #lossy = new Uint8Array(0);
  readonly #cached = new Set<bigint>();

  note(command: RenderCommand): void {
    if (command.type !== "apply") return;
    const { message } = command;
    if (message.name === "SURFACE_CREATE" && message.body.surfaceId === 0) {
      this.#width = message.body.width;
      this.#lossy = new Uint8Array(message.body.width * message.body.height);
    }
    if (!("base" in message.body) || message.body.base.surfaceId !== 0) return;
    const { box } = message.body.base;
    const image = sourceOf(command);
    if (message.name === "COPY_BITS") this.#copy(box, message.body.srcPos);
    else if (image !== null) this.#fill(box, this.#isLossy(image) ? 1 : 0);
  }

  /** Differing pixels where nothing lossy was drawn. */
  stray(a: { data: Uint8Array }, b: { data: Uint8Array }): number {
    let stray = 0;
    for (let at = 0; at < this.#lossy.length; at++) {
      if (this.#lossy[at] === 1) continue;
      const from = at * 3;
      if (a.data[from] !== b.data[from]) stray++;
      else if (a.data[from + 1] !== b.data[from + 1]) stray++;
      else if (a.data[from + 2] !== b.data[from + 2]) stray++;
    }
    return stray;
  }

  get share(): number {
    return this.#lossy.reduce((sum, lossy) => sum + lossy, 0) / this.#lossy.length;
  }

  #isLossy(image: NonNullable<ReturnType<typeof sourceOf>>): boolean {
    const { type, id, flags } = image;
    if (type === ImageType.FROM_CACHE) return this.#cached.has(id);
    // What an off-screen surface holds is not followed here.
    if (type === ImageType.SURFACE) return true;
    const lossy = type === ImageType.JPEG || type === ImageType.JPEG_ALPHA;
    if (flags & ImageFlag.CACHE_ME && lossy) this.#cached.add(id);
    if (flags & ImageFlag.CACHE_REPLACE_ME) this.#cached.delete(id);
    return lossy;
  }

  #fill(box: { left: number; top: number; right: number; bottom: number }, lossy: number): void {
    for (let y = box.top; y < box.bottom; y++) {
      const row = y * this.#width;
      this.#lossy.fill(lossy, row + box.left, row + box.right);
    }
  }

  #copy(
    box: { left: number; top: number; right: number; bottom: number },
    from: { x: number; y: number },
  ): void {
    const before = this.#lossy.slice();
    for (let y = box.top; y < box.bottom; y++) {
      const row = (y - box.top + from.y) * this.#width + from.x;
      const part = before.subarray(row, row + box.right - box.left);
      this.#lossy.set(part, y * this.#width + box.left);
    }
  }
}

const psnrFloor = 30;

async function wanCell(
  device: DisplayDevice,
  spice: SpiceOptions,
  types: number[],
): Promise<CellResult> {
  const vm = await startSavedVm(device, { spice });
  const images = new ImageCount();
  const area = new LossyArea();
  const client = connectCaraway(vm, {
    onRender: (command) => {
      images.note(command);
      area.note(command);
    },
  });
  try {
    await client.settle();
    const wrong: string[] = [];
    let lowest = Number.POSITIVE_INFINITY;
    await underLoads(vm, async (load) => {
      const problem = await compareLossy(vm, client, area);
      lowest = Math.min(lowest, problem.psnr);
      if (problem.text !== null) wrong.push(`${load}: ${problem.text}`);
    });
    if (images.count(...types) === 0) wrong.push("no image of the kind in question was drawn");
    const facts = { images: images.text, lowestPsnr: lowest, lossyShare: area.share };
    if (wrong.length > 0) return { outcome: "failed", detail: wrong.join("; "), facts };
    const detail = `exact where lossless, PSNR ${lowest.toFixed(1)} dB at least`;
    return { outcome: "passed", detail, facts };
  } finally {
    client.close();
    await vm.close();
  }
}

function compareLossy(vm: Vm, client: CarawayClient, area: LossyArea) {
  return vm.withStillPicture(async (wanted) => {
    await client.settle();
    const shown = client.picture();
    const { psnr } = compareImages(shown, wanted);
    const stray = area.stray(shown, wanted);
    const tooLossy = psnr < psnrFloor ? `PSNR ${psnr.toFixed(1)} dB` : null;
    return { psnr, text: stray > 0 ? `${stray} pixels differ outside of JPEG` : tooLossy };
  });
}

const wan = {
  jpeg: {
    spice: { jpegWanCompression: "always", zlibGlzWanCompression: "never" },
    types: [ImageType.JPEG, ImageType.JPEG_ALPHA],
  },
  "zlib-glz": {
    spice: { jpegWanCompression: "never", zlibGlzWanCompression: "always" },
    types: [ImageType.ZLIB_GLZ_RGB],
  },
} as const;

export const cells: readonly Cell[] = devices.flatMap((device) => [
  ...(Object.keys(compressions) as (keyof typeof compressions)[]).map((name) => ({
    name: `${device}, image-compression ${name}`,
    run: () => exactCell(device, name),
  })),
  ...Object.entries(wan).map(([name, { spice, types }]) => ({
    name: `${device}, ${name}-wan-compression always`,
    run: () => wanCell(device, spice, [...types]),
  })),
]);

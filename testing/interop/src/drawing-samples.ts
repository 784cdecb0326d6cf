// Every operation of the display channel, with brushes, masks, clips, rops, scale modes, image formats and surfaces: what the drivers of a
// desktop seldom or never use. Each sample is drawn on a primary surface of `sampleSize` and begins with the same background.

import {
  BitmapFormat,
  MaskFlag,
  PathFlag,
  RopDescriptor,
  ScaleMode,
  StringFlag,
  SurfaceFormat,
} from "@caraway/protocol";
import { type DrawServer, surfaceToRgb } from "./draw-server.ts";
import type {
  Point,
  QxlBrush,
  QxlDrawable,
  QxlGlyph,
  QxlImage,
  QxlMask,
  QxlOperation,
  QxlPathSegment,
  QxlTransform,
  Rect,
} from "./qxl-drawing.ts";
import type { RgbImage } from "./rgb-image.ts";

export interface DrawingSample {
  readonly name: string;
  /** Off-screen surfaces to create first. */
  readonly surfaces?: readonly { id: number; width: number; height: number; format: number }[];
  readonly drawables: readonly QxlDrawable[];
}

export const sampleSize = { width: 160, height: 120 } as const;

const put = RopDescriptor.OP_PUT;
const at = (left: number, top: number, width: number, height: number): Rect => ({
  left,
  top,
  right: left + width,
  bottom: top + height,
});
const screen = at(0, 0, sampleSize.width, sampleSize.height);

const bitsOf: Readonly<Record<number, number>> = {
  [BitmapFormat["1BIT_LE"]]: 1,
  [BitmapFormat["1BIT_BE"]]: 1,
  [BitmapFormat["4BIT_LE"]]: 4,
  [BitmapFormat["4BIT_BE"]]: 4,
  [BitmapFormat["8BIT"]]: 8,
  [BitmapFormat["16BIT"]]: 16,
  [BitmapFormat["24BIT"]]: 24,
  [BitmapFormat["32BIT"]]: 32,
  [BitmapFormat.RGBA]: 32,
  [BitmapFormat["8BIT_A"]]: 8,
};

/** Bytes that look like noise on a slope, the same for the same seed. */
function noise(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = (index >> 4) + (state >>> 27);
  }
  return bytes;
}

function palette(entries: number): number[] {
  return Array.from({ length: entries }, (_, n) => Math.imul(n + 1, 0x3f7a15) & 0xffffff);
}

/** A picture of any bitmap format. RGBA is premultiplied, as every user of alpha expects it. */
function picture(format: number, width: number, height: number, seed = 1): QxlImage {
  const bits = bitsOf[format]!;
  const stride = Math.ceil((width * bits) / 32) * 4;
  const data = noise(stride * height, seed);
  if (format === BitmapFormat.RGBA) {
    for (let index = 0; index < data.length; index += 4) {
      const alpha = (index / 4 / width) % 2 < 1 ? data[index + 3]! | 128 : data[index + 3]!;
      data[index + 3] = alpha;
      for (let k = 0; k < 3; k++) data[index + k] = Math.floor((data[index + k]! * alpha) / 255);
    }
  }
  if (format === BitmapFormat["32BIT"]) {
    for (let index = 3; index < data.length; index += 4) data[index] = 0;
  }
  const colours = bits <= 8 ? { palette: palette(1 << bits) } : {};
  return { kind: "bitmap", format, width, height, stride, data, ...colours };
}

const background: QxlDrawable = {
  box: screen,
  operation: {
    kind: "copy",
    source: picture(BitmapFormat["32BIT"], sampleSize.width, sampleSize.height, 7),
    sourceArea: screen,
    rop: put,
  },
};

/** One-bit mask: diagonal stripes. */
function mask(flags = 0, position: Point = { x: 0, y: 0 }, width = 100, height = 80): QxlMask {
  const stride = Math.ceil(width / 32) * 4;
  const data = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if ((x + y) % 11 < 6) data[y * stride + (x >> 3)]! |= 0x80 >> (x & 7);
    }
  }
  const format = BitmapFormat["1BIT_BE"];
  return { image: { kind: "bitmap", format, width, height, stride, data }, position, flags };
}

const solid: QxlBrush = { kind: "solid", color: 0x3366cc };
// PEER: in ROP3, spice-common reads outside of a pattern whose origin is right of or below the box.
const pattern = {
  kind: "pattern",
  image: picture(BitmapFormat["32BIT"], 13, 9, 3),
  origin: { x: 5, y: 3 },
} as const satisfies QxlBrush;
const whole = (image: QxlImage): Rect => at(0, 0, image.width, image.height);

/** A sample of one operation in one box. */
function one(name: string, operation: QxlOperation, box = at(20, 15, 100, 80)): DrawingSample {
  return { name, drawables: [background, { box, operation }] };
}

const rops: readonly [string, number][] = [
  ["put", put],
  ["put, brush inverted", put | RopDescriptor.INVERS_BRUSH],
  ["put, source inverted", put | RopDescriptor.INVERS_SRC],
  ["put, result inverted", put | RopDescriptor.INVERS_RES],
  ["or", RopDescriptor.OP_OR],
  ["or, destination inverted", RopDescriptor.OP_OR | RopDescriptor.INVERS_DEST],
  ["and", RopDescriptor.OP_AND],
  [
    "and, brush and source inverted",
    RopDescriptor.OP_AND | RopDescriptor.INVERS_BRUSH | RopDescriptor.INVERS_SRC,
  ],
  ["xor", RopDescriptor.OP_XOR],
  ["xor, result inverted", RopDescriptor.OP_XOR | RopDescriptor.INVERS_RES],
  ["blackness", RopDescriptor.OP_BLACKNESS],
  ["whiteness", RopDescriptor.OP_WHITENESS],
  ["invers", RopDescriptor.OP_INVERS],
];

const clip: readonly Rect[] = [at(25, 20, 30, 30), at(60, 25, 50, 12), at(40, 60, 61, 20)];

function clipped(sample: DrawingSample): DrawingSample {
  const drawables = sample.drawables.map((drawable, index) =>
    index === sample.drawables.length - 1 ? { ...drawable, clip } : drawable,
  );
  return { ...sample, name: `${sample.name}, clipped`, drawables };
}

function fills(): DrawingSample[] {
  const samples: DrawingSample[] = [];
  for (const [name, rop] of rops) {
    samples.push(one(`fill solid, ${name}`, { kind: "fill", brush: solid, rop }));
    samples.push(one(`fill pattern, ${name}`, { kind: "fill", brush: pattern, rop }));
  }
  for (const format of ["1BIT_BE", "4BIT_BE", "8BIT", "16BIT", "24BIT"] as const) {
    const image = picture(BitmapFormat[format], 13, 9);
    const brush: QxlBrush = { kind: "pattern", image, origin: { x: -4, y: 50 } };
    samples.push(one(`fill pattern of ${format}`, { kind: "fill", brush, rop: put }));
  }
  samples.push(one("fill masked", { kind: "fill", brush: solid, rop: put, mask: mask() }));
  samples.push(
    one("fill outside of the mask", {
      kind: "fill",
      brush: pattern,
      rop: put,
      mask: mask(MaskFlag.INVERS),
    }),
  );
  samples.push(
    one("fill with a smaller mask at a place", {
      kind: "fill",
      brush: solid,
      rop: RopDescriptor.OP_XOR,
      mask: mask(0, { x: 7, y: 4 }, 60, 50),
    }),
  );
  return [...samples, clipped(samples[0]!), clipped(samples[1]!), clipped(samples.at(-3)!)];
}

function copies(): DrawingSample[] {
  const samples: DrawingSample[] = [];
  for (const kind of ["copy", "blend"] as const) {
    const source = picture(BitmapFormat["32BIT"], 100, 80);
    for (const [name, rop] of rops) {
      samples.push(one(`${kind}, ${name}`, { kind, source, sourceArea: whole(source), rop }));
    }
  }
  for (const format of Object.keys(BitmapFormat) as (keyof typeof BitmapFormat)[]) {
    // An alpha bitmap has no colours to copy; the little-endian ones have no defined order of bits.
    if (format === "8BIT_A" || format === "1BIT_LE" || format === "4BIT_LE") continue;
    const source = picture(BitmapFormat[format], 100, 80);
    const sourceArea = whole(source);
    samples.push(one(`copy of ${format}`, { kind: "copy", source, sourceArea, rop: put }));
    if (source.kind === "bitmap") {
      const upward = { ...source, topDown: false };
      samples.push(
        one(`copy of ${format} from the bottom`, {
          kind: "copy",
          source: upward,
          sourceArea,
          rop: put,
        }),
      );
    }
  }
  const source = picture(BitmapFormat["32BIT"], 61, 47);
  const operation = { kind: "copy", source, sourceArea: at(3, 5, 50, 40), rop: put } as const;
  for (const [name, scaleMode] of Object.entries(ScaleMode)) {
    for (const [width, height] of [
      [100, 80],
      [25, 20],
      [137, 33],
      [49, 90],
    ] as const) {
      const box = at(11, 9, width, height);
      samples.push(one(`copy to ${width}x${height}, ${name}`, { ...operation, scaleMode }, box));
    }
  }
  const nearest = { ...operation, scaleMode: ScaleMode.NEAREST };
  samples.push(one("copy scaled, xor", { ...nearest, rop: RopDescriptor.OP_XOR }));
  samples.push(one("copy scaled, masked", { ...nearest, mask: mask() }));
  samples.push(clipped(one("copy scaled", nearest)));
  samples.push(one("copy of a part, masked", { ...operation, mask: mask() }, at(20, 15, 50, 40)));
  samples.push(clipped(one("copy of a part", operation, at(20, 15, 50, 40))));
  return samples;
}

/**
 * A box for each ternary code. spice-common knows only those whose result depends on pattern, source and destination: the others are
 * binary operations under another name, and end its process.
 */
function rop3Codes(brush: QxlBrush): QxlDrawable[] {
  const source = picture(BitmapFormat["32BIT"], 10, 8);
  const dependsOn = (code: number, shift: number, without: number) =>
    ((code >> shift) & without) !== (code & without);
  return Array.from({ length: 256 }, (_, code) => code)
    .filter(
      (code) => dependsOn(code, 1, 0x55) && dependsOn(code, 2, 0x33) && dependsOn(code, 4, 0xf),
    )
    .map((rop3, index) => ({
      box: at((index % 16) * 10, Math.floor(index / 16) * 8, 10, 8),
      operation: { kind: "rop3", source, sourceArea: whole(source), brush, rop3 },
    }));
}

function combinations(): DrawingSample[] {
  const samples: DrawingSample[] = [];
  const source = picture(BitmapFormat["32BIT"], 100, 80);
  const sourceArea = whole(source);
  for (const [name, rop] of rops) {
    samples.push(
      one(`opaque, ${name}`, { kind: "opaque", source, sourceArea, brush: solid, rop }),
      one(`opaque pattern, ${name}`, { kind: "opaque", source, sourceArea, brush: pattern, rop }),
    );
  }
  const small = picture(BitmapFormat["32BIT"], 40, 30);
  const opaque = { kind: "opaque", source: small, sourceArea: whole(small), brush: solid } as const;
  const xor = RopDescriptor.OP_XOR;
  samples.push(one("opaque scaled", { ...opaque, rop: xor, scaleMode: ScaleMode.NEAREST }));
  samples.push(one("opaque masked", { ...opaque, source, sourceArea, rop: xor, mask: mask() }));
  for (const [name, brush] of [
    ["solid", solid],
    ["pattern", { ...pattern, origin: { x: -4, y: -2 } }],
  ] as const) {
    samples.push({
      name: `rop3, every code, ${name}`,
      drawables: [background, ...rop3Codes(brush)],
    });
  }
  const rop3 = { kind: "rop3", source, sourceArea, rop3: 0xb8, brush: pattern } as const;
  samples.push(one("rop3 masked", { ...rop3, mask: mask() }));
  samples.push(clipped(one("rop3", rop3)));
  const scaled = { ...rop3, source: small, sourceArea: whole(small), scaleMode: ScaleMode.NEAREST };
  samples.push(one("rop3 scaled", scaled));
  for (const kind of ["blackness", "whiteness", "invers"] as const) {
    samples.push(
      one(kind, { kind }),
      one(`${kind} masked`, { kind, mask: mask(0, { x: 3, y: 2 }) }),
      one(`${kind} outside of the mask`, { kind, mask: mask(MaskFlag.INVERS) }),
      clipped(one(kind, { kind })),
    );
  }
  return samples;
}

function copyBits(): DrawingSample[] {
  const moves: [string, number, number][] = [
    ["right", 12, 0],
    ["left", -9, 0],
    ["down", 0, 7],
    ["up", 0, -5],
    ["right and down", 10, 6],
    ["left and up", -10, -6],
    ["left and down", -3, 4],
    ["far", 40, 30],
  ];
  const samples = moves.map(([name, dx, dy]) => {
    const from = { x: 20, y: 25 };
    const box = at(from.x + dx, from.y + dy, 70, 50);
    return one(`copy bits ${name}`, { kind: "copy-bits", from }, box);
  });
  return [...samples, clipped(samples[4]!)];
}

const star: Point[] = [
  { x: 20, y: 90 },
  { x: 60, y: 15 },
  { x: 110, y: 92 },
  { x: 18, y: 40 },
  { x: 118, y: 33 },
];
const open: QxlPathSegment[] = [{ flags: PathFlag.BEGIN | PathFlag.END, points: star }];
const closed: QxlPathSegment[] = [
  { flags: PathFlag.BEGIN | PathFlag.END | PathFlag.CLOSE, points: star },
];
const curve: QxlPathSegment[] = [
  { flags: PathFlag.BEGIN, points: [star[0]!] },
  {
    flags: PathFlag.END | PathFlag.BEZIER,
    points: [star[1]!, star[3]!, star[2]!, { x: 100, y: 20 }, { x: 30.5, y: 10.25 }, star[4]!],
  },
];

function strokes(): DrawingSample[] {
  const box = at(10, 8, 130, 100);
  const samples: DrawingSample[] = [];
  const stroke = { kind: "stroke", path: open, brush: solid, foreMode: put } as const;
  for (const [name, foreMode] of rops) {
    samples.push(one(`stroke, ${name}`, { ...stroke, foreMode }, box));
  }
  samples.push(one("stroke closed", { ...stroke, path: closed }, box));
  samples.push(one("stroke of curves", { ...stroke, path: curve }, box));
  samples.push(one("stroke in a pattern", { ...stroke, path: closed, brush: pattern }, box));
  samples.push(one("stroke dashed", { ...stroke, dashes: [6, 3] }, box));
  const gap = { ...stroke, path: closed, dashes: [5, 2, 1, 4], startWithGap: true };
  samples.push(one("stroke dashed from a gap", gap, box));
  return [...samples, clipped(samples[0]!)];
}

/** What spice-common makes of glyphs decides how they are chosen here. */
function glyphs(bits: 1 | 4 | 8): QxlGlyph[] {
  return Array.from({ length: 6 }, (_, n) => {
    const width = 7 + n;
    const height = 12;
    const stride = Math.ceil((width * bits) / 8);
    const data = noise(height * stride, n + bits);
    // PEER: rows of A8 are taken from one past the end. All rows alike, and the first one clipped away, show the rest all the same.
    if (bits === 8) for (let y = 1; y < height; y++) data.copyWithin(y * stride, 0, stride);
    const position = { x: 30 + 13 * n, y: bits === 8 ? 50 : 50 + (n % 3) };
    return { position, origin: { x: 0, y: -height }, width, height, data };
  });
}

function texts(): DrawingSample[] {
  const samples: DrawingSample[] = [];
  const kinds = [
    ["A1", StringFlag.RASTER_A1, 1],
    ["A4", StringFlag.RASTER_A4, 4],
    ["A8", StringFlag.RASTER_A8, 8],
  ] as const;
  for (const [name, flags, bits] of kinds) {
    // PEER: spice-common takes all glyphs from the bottom row, with and without TOP_DOWN, so only that is asked for.
    const text = { kind: "text", flags, glyphs: glyphs(bits), foreMode: put } as const;
    const backArea = at(25, 30, 90, 30);
    const back = {
      backArea,
      backBrush: { kind: "solid", color: 0xffee99 },
      backMode: put,
    } as const;
    const operations: [string, QxlOperation][] = [
      [`text ${name}`, { ...text, foreBrush: solid }],
      [`text ${name} on a ground`, { ...text, ...back, foreBrush: solid }],
      [`text ${name} in a pattern`, { ...text, foreBrush: pattern }],
    ];
    for (const [title, operation] of operations) {
      const sample = one(title, operation, at(20, bits === 8 ? 39 : 15, 100, 56));
      samples.push(sample, clipped(sample));
    }
  }
  return samples;
}

function blends(): DrawingSample[] {
  const samples: DrawingSample[] = [];
  const source = picture(BitmapFormat["32BIT"], 100, 80);
  const sourceArea = whole(source);
  if (source.kind === "bitmap") {
    // Every third column has the colour that is left out.
    const data = source.data.slice();
    for (let x = 0; x < data.length; x += 12) data.set([0x11, 0x22, 0x33, 0], x);
    const keyed = { ...source, data };
    const transparent = {
      kind: "transparent",
      sourceColor: 0x112233,
      trueColor: 0x112233,
    } as const;
    samples.push(one("transparent", { ...transparent, source: keyed, sourceArea }));
    samples.push(
      one("transparent scaled", { ...transparent, source: keyed, sourceArea: at(0, 0, 50, 40) }),
    );
    samples.push(clipped(one("transparent", { ...transparent, source: keyed, sourceArea })));
  }
  const rgba = picture(BitmapFormat.RGBA, 100, 80);
  for (const alpha of [0, 1, 128, 254, 255]) {
    const blend = { kind: "alpha-blend", alpha, sourceArea } as const;
    samples.push(one(`alpha blend ${alpha}`, { ...blend, source }));
    samples.push(one(`alpha blend ${alpha} of RGBA`, { ...blend, source: rgba }));
  }
  const blend = { kind: "alpha-blend", alpha: 200, source: rgba, sourceArea: whole(rgba) } as const;
  samples.push(one("alpha blend scaled", blend, at(20, 15, 130, 50)));
  samples.push(clipped(one("alpha blend", blend)));
  return samples;
}

function composites(): DrawingSample[] {
  const samples: DrawingSample[] = [];
  const source = picture(BitmapFormat.RGBA, 100, 80);
  const opaque = picture(BitmapFormat["32BIT"], 100, 80);
  const operators = { clear: 0, source: 1, over: 3, in: 5, out: 7, atop: 9, xor: 11, add: 12 };
  const more = { "over reverse": 4, saturate: 13, multiply: 0x30, overlay: 0x32, darken: 0x33 };
  const last = { "hard light": 0x37, difference: 0x39, "hsl hue": 0x3b, "hsl luminosity": 0x3e };
  for (const [name, flags] of Object.entries({ ...operators, ...more, ...last })) {
    samples.push(one(`composite ${name}`, { kind: "composite", flags, source }));
  }
  const over = 3;
  const composite = { kind: "composite", flags: over, source } as const;
  const maskImage = picture(BitmapFormat.RGBA, 100, 80, 5);
  samples.push(one("composite without alpha", { ...composite, source: opaque }));
  samples.push(one("composite masked", { ...composite, mask: maskImage }));
  const component = over | (1 << 18);
  samples.push(
    one("composite, component alpha", { ...composite, flags: component, mask: maskImage }),
  );
  const origins = { sourceOrigin: { x: 9, y: 6 }, maskOrigin: { x: 3, y: 12 } };
  samples.push(one("composite at origins", { ...composite, ...origins, mask: maskImage }));
  const tile = picture(BitmapFormat.RGBA, 17, 11);
  ["none", "normal", "pad", "reflect"].forEach((name, repeat) => {
    const flags = over | (repeat << 14);
    samples.push(one(`composite, repeat ${name}`, { ...composite, flags, source: tile }));
  });
  const sourceTransform: QxlTransform = [0.6, 0.2, 4, -0.1, 0.8, 7];
  for (const [name, filter] of [
    ["nearest", 0],
    ["bilinear", 1],
  ] as const) {
    const flags = over | (filter << 8) | (filter << 11);
    const transformed = { ...composite, flags, sourceTransform };
    samples.push(one(`composite transformed, ${name}`, transformed));
    const maskTransform = sourceTransform;
    const both = { ...transformed, mask: maskImage, maskTransform };
    samples.push(one(`composite, mask transformed, ${name}`, both));
  }
  return [...samples, clipped(samples[2]!)];
}

const depthOf = (format: number) =>
  format === SurfaceFormat["16_555"] || format === SurfaceFormat["16_565"] ? 16 : 32;

/** Draws on an off-screen surface of each format and brings the result to the primary. */
function surfaces(primary: number): DrawingSample[] {
  const samples: DrawingSample[] = [];
  const colours = ["16_555", "16_565", "32_xRGB", "32_ARGB"] as const;
  for (const name of colours) {
    const surface = { id: 1, width: 100, height: 80, format: SurfaceFormat[name] };
    const image: QxlImage = { kind: "surface", surface: 1, width: 100, height: 80 };
    const box = at(0, 0, 100, 80);
    const source = picture(BitmapFormat["32BIT"], 100, 80);
    const start: QxlDrawable[] = [
      background,
      { surface: 1, box, operation: { kind: "copy", source, sourceArea: box, rop: put } },
      { surface: 1, box: at(10, 10, 40, 30), operation: { kind: "fill", brush: solid, rop: put } },
      {
        surface: 1,
        box: at(30, 20, 60, 50),
        operation: { kind: "fill", brush: pattern, rop: RopDescriptor.OP_XOR },
      },
      {
        surface: 1,
        box: at(2, 2, 50, 60),
        operation: { kind: "copy-bits", from: { x: 30, y: 10 } },
      },
    ];
    const sample = (what: string, operation: QxlOperation): DrawingSample => ({
      name: `surface ${name}: ${what}`,
      surfaces: [surface],
      drawables: [...start, { box: at(20, 15, 100, 80), operation }],
    });
    const copy = { kind: "copy", source: image, sourceArea: box, rop: put } as const;
    samples.push(sample("composited", { kind: "composite", flags: 3, source: image }));
    const part = { ...copy, sourceArea: at(10, 10, 50, 40), scaleMode: ScaleMode.NEAREST };
    samples.push(sample("scaled", part));
    // spice-common ends its process where it would have to convert between depths.
    if (depthOf(surface.format) === depthOf(primary)) {
      samples.push(sample("copied", copy));
      samples.push(sample("xored", { ...copy, rop: RopDescriptor.OP_XOR }));
      const brush: QxlBrush = { kind: "pattern", image, origin: { x: 8, y: 6 } };
      samples.push(sample("as a pattern", { kind: "fill", brush, rop: put }));
    }
    if (name.startsWith("32")) {
      const blend = { kind: "alpha-blend", alpha: 150, source: image, sourceArea: box } as const;
      samples.push(sample("blended", { ...blend, flags: name === "32_ARGB" ? 2 : 0 }));
    }
  }
  return samples;
}

/** Surfaces of alpha alone, as the mask of a composition. */
function alphaSurfaces(): DrawingSample[] {
  return (["8_A", "1_A"] as const).map((name) => {
    const image: QxlImage = { kind: "surface", surface: 1, width: 100, height: 80 };
    const paint = (box: Rect, color: number): QxlDrawable => ({
      surface: 1,
      box,
      operation: { kind: "fill", brush: { kind: "solid", color }, rop: put },
    });
    const source = picture(BitmapFormat.RGBA, 100, 80);
    return {
      name: `surface ${name}: as a mask`,
      surfaces: [{ id: 1, width: 100, height: 80, format: SurfaceFormat[name] }],
      drawables: [
        background,
        paint(at(0, 0, 100, 80), 0),
        paint(at(10, 10, 70, 50), name === "8_A" ? 0x9a : 1),
        paint(at(40, 30, 55, 45), name === "8_A" ? 0xff : 1),
        {
          box: at(20, 15, 100, 80),
          operation: { kind: "composite", flags: 3, source, mask: image },
        },
      ],
    };
  });
}

/**
 * All samples for a primary surface of a `SurfaceFormat`. Their names are unique. Some change nothing, and should.
 */
export function drawingSamples(primary: number = SurfaceFormat["32_xRGB"]): DrawingSample[] {
  const samples = [
    ...fills(),
    ...copies(),
    ...combinations(),
    ...copyBits(),
    ...strokes(),
    ...texts(),
    ...blends(),
    ...composites(),
    ...surfaces(primary),
    ...alphaSurfaces(),
  ];
  // spice-common has no way from a palette to this format.
  if (primary !== SurfaceFormat["16_565"]) return samples;
  return samples.filter(
    ({ drawables }) => !drawables.some(({ operation }) => hasPalette(operation)),
  );
}

function hasPalette(operation: QxlOperation): boolean {
  const images = [
    "source" in operation ? operation.source : undefined,
    "brush" in operation && operation.brush.kind === "pattern" ? operation.brush.image : undefined,
  ];
  return images.some((image) => image?.kind === "bitmap" && image.palette !== undefined);
}

/**
 * Draws a sample at a server that has a primary surface of `sampleSize`, runs `work` with what spice-server's canvas made of the primary,
 * and takes the sample's surfaces away again.
 */
export async function withSample<T>(
  server: DrawServer,
  sample: DrawingSample,
  work: (truth: RgbImage) => Promise<T>,
): Promise<T> {
  for (const { id, width, height, format } of sample.surfaces ?? []) {
    server.createSurface(id, width, height, format);
  }
  server.draw(...sample.drawables);
  try {
    return await work(surfaceToRgb(await server.render()));
  } finally {
    for (const { id } of sample.surfaces ?? []) server.destroySurface(id);
  }
}

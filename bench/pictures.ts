// Computed pictures for the benchmarks: what guests' screens look like to a codec, the same in
// every run.

export interface Picture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** `0x00RRGGBB`, rows from the top down. */
  readonly pixels: Uint32Array;
}

/** Numbers from 0 up to 1, the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Paint = (x: number, y: number) => number;

function picture(name: string, width: number, height: number, paint: Paint): Picture {
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels[y * width + x] = paint(x, y);
  }
  return { name, width, height, pixels };
}

const rgb = (red: number, green: number, blue: number) =>
  (clamp(red) << 16) | (clamp(green) << 8) | clamp(blue);
const clamp = (value: number) => Math.max(0, Math.min(255, Math.round(value)));

/** Lines of glyphs of 8 by 16 pixels with soft edges, each line of another length. */
function text(seed: number, ink: number, ground: number): Paint {
  const next = random(seed);
  const glyphs = Array.from({ length: 64 }, () =>
    Array.from({ length: 128 }, (_, at) => {
      const inside = at % 8 > 0 && at % 8 < 7 && at > 24 && at < 112;
      return inside ? [0, 0, 0, 0.4, 1, 1][Math.floor(next() * 6)]! : 0;
    }),
  );
  const lines = Array.from({ length: 256 }, () => ({
    length: Math.floor(next() * next() * 200),
    letters: Array.from({ length: 256 }, () => Math.floor(next() * 64)),
  }));
  const mix = (share: number, shift: number) =>
    Math.round(((ink >> shift) & 255) * share + ((ground >> shift) & 255) * (1 - share)) << shift;
  return (x, y) => {
    const line = lines[(y >> 4) & 255]!;
    if (x >> 3 >= line.length) return ground;
    const share = glyphs[line.letters[(x >> 3) & 255]!]![(y & 15) * 8 + (x & 7)]!;
    return share === 0 ? ground : mix(share, 16) | mix(share, 8) | mix(share, 0);
  };
}

/** Clouds of several sizes with a little noise: what a photograph is to a codec. */
function photo(seed: number): Paint {
  const next = random(seed);
  const waves = Array.from({ length: 12 }, (_, at) => ({
    x: (next() - 0.5) * 0.02 * (at + 1),
    y: (next() - 0.5) * 0.02 * (at + 1),
    phase: next() * 7,
    size: 60 / (at + 1),
  }));
  return (x, y) => {
    let light = 0;
    for (const wave of waves) light += wave.size * Math.sin(wave.x * x + wave.y * y + wave.phase);
    const noise = next() * 6;
    return rgb(120 + light + noise, 110 + light * 0.8 + noise, 90 + light * 0.6 + noise * 0.7);
  };
}

function desktop(): Paint {
  const wallpaper = photo(3);
  const page = text(4, 0x202020, 0xffffff);
  const shell = text(5, 0xd0d0d0, 0x101018);
  return (x, y) => {
    if (y > 1048) return x % 160 < 150 ? 0x3c4454 : 0x2c3444;
    if (x > 120 && x < 1000 && y > 90 && y < 760) {
      if (y < 116) return rgb(70, 110, 190 - (y - 90) * 2);
      return page(x - 120, y - 116);
    }
    if (x > 860 && x < 1700 && y > 420 && y < 980) {
      if (y < 446) return 0x555555;
      return shell(x - 860, y - 446);
    }
    return wallpaper(x, y);
  };
}

function form(): Paint {
  const label = text(6, 0x303030, 0xf0f0f0);
  return (x, y) => {
    const column = x % 320;
    const row = y % 48;
    if (row > 8 && row < 34 && column > 130 && column < 300) {
      const edge = row === 9 || row === 33 || column === 131 || column === 299;
      return edge ? 0x9a9a9a : rgb(250 - row / 2, 250 - row / 2, 252);
    }
    return column < 120 ? label(x, y) : 0xf0f0f0;
  };
}

function pattern(): Paint {
  return (x, y) => {
    if (y < 540)
      return [0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0][
        Math.floor(x / 240)
      ]!;
    if (y < 800) return rgb((x * 255) / 1919, (x * 255) / 1919, (x * 255) / 1919);
    return ((x >> 3) + (y >> 3)) & 1 ? 0xffffff : 0;
  };
}

/** The kinds of picture that codecs are measured with. */
export function makePictures(): Picture[] {
  return [
    picture("terminal", 1920, 1080, text(1, 0xc0c0c0, 0)),
    picture("page", 1920, 1080, text(2, 0x101010, 0xffffff)),
    picture("desktop", 1920, 1080, desktop()),
    picture("form", 1920, 1080, form()),
    picture("pattern", 1920, 1080, pattern()),
    picture("photo", 1280, 720, photo(7)),
    picture("small", 64, 64, desktop()),
  ];
}

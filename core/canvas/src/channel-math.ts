// Arithmetic on the four 8-bit channels of a pixel `0xAARRGGBB`, where 255 means one. Products are
// rounded to nearest, sums saturate. Two channels are computed at a time, in the even bytes.

const even = 0xff00ff;

/** Each even byte of x times a / 255. */
function mulEven(x: number, a: number): number {
  const t = Math.imul(x & even, a) + 0x800080;
  return ((t + ((t >>> 8) & even)) >>> 8) & even;
}

/** Each even byte of x times the same byte of a / 255. */
function mulEvenEach(x: number, a: number): number {
  const low = (x & 0xff) * (a & 0xff);
  const high = ((x >>> 16) & 0xff) * ((a >>> 16) & 0xff);
  const t = (low | (high << 16)) + 0x800080;
  return ((t + ((t >>> 8) & even)) >>> 8) & even;
}

function addEven(x: number, y: number): number {
  const t = x + y;
  return (t | (0x1000100 - ((t >>> 8) & even))) & even;
}

/** x · a, where a is one channel for all. */
export function scale(x: number, a: number): number {
  return (mulEven(x, a) | (mulEven(x >>> 8, a) << 8)) >>> 0;
}

/** x · a, channel by channel. */
export function multiply(x: number, a: number): number {
  return (mulEvenEach(x, a) | (mulEvenEach(x >>> 8, a >>> 8) << 8)) >>> 0;
}

export function add(x: number, y: number): number {
  const odd = addEven((x >>> 8) & even, (y >>> 8) & even);
  return (addEven(x & even, y & even) | (odd << 8)) >>> 0;
}

/** x · a + y, a one channel for all. */
export function scaleAdd(x: number, a: number, y: number): number {
  const odd = addEven(mulEven(x >>> 8, a), (y >>> 8) & even);
  return (addEven(mulEven(x, a), y & even) | (odd << 8)) >>> 0;
}

/** x · a + y · b, a and b one channel for all. */
export function scaleAddScale(x: number, a: number, y: number, b: number): number {
  const odd = addEven(mulEven(x >>> 8, a), mulEven(y >>> 8, b));
  return (addEven(mulEven(x, a), mulEven(y, b)) | (odd << 8)) >>> 0;
}

/** x · a + y, channel by channel. */
export function multiplyAdd(x: number, a: number, y: number): number {
  const odd = addEven(mulEvenEach(x >>> 8, a >>> 8), (y >>> 8) & even);
  return (addEven(mulEvenEach(x, a), y & even) | (odd << 8)) >>> 0;
}

/** x · a + y · b, a channel by channel and b one channel for all. */
export function multiplyAddScale(x: number, a: number, y: number, b: number): number {
  const odd = addEven(mulEvenEach(x >>> 8, a >>> 8), mulEven(y >>> 8, b));
  return (addEven(mulEvenEach(x, a), mulEven(y, b)) | (odd << 8)) >>> 0;
}

/** A number of 0 to 255² divided by 255, rounded to nearest. */
export function divideBy255(x: number): number {
  const t = x + 0x80;
  return (t + (t >>> 8)) >>> 8;
}

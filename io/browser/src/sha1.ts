// SHA-1 (FIPS 180-4), for OAEP where the browser offers no WebCrypto. The ticket of SPICE asks for
// it; nothing here rests on its resistance to collisions.

const blockSize = 64;

export function sha1(data: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((data.length + 9) / blockSize) * blockSize);
  padded.set(data);
  padded[data.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(data.length) * 8n);
  const state = new Uint32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  const words = new Uint32Array(80);
  for (let at = 0; at < padded.length; at += blockSize) {
    for (let word = 0; word < 16; word++) words[word] = view.getUint32(at + word * 4);
    for (let word = 16; word < 80; word++) {
      const mixed = words[word - 3]! ^ words[word - 8]! ^ words[word - 14]! ^ words[word - 16]!;
      words[word] = rotate(mixed, 1);
    }
    addBlock(state, words);
  }
  const digest = new Uint8Array(20);
  const out = new DataView(digest.buffer);
  state.forEach((value, index) => {
    out.setUint32(index * 4, value);
  });
  return digest;
}

function addBlock(state: Uint32Array, words: Uint32Array): void {
  let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
  for (let round = 0; round < 80; round++) {
    const next = (rotate(a, 5) + mix(round, b, c, d) + e + words[round]!) | 0;
    [e, d, c, b, a] = [d, c, rotate(b, 30), a, next];
  }
  [a, b, c, d, e].forEach((value, index) => {
    state[index] = state[index]! + value;
  });
}

/** The round's function of b, c and d, with its constant. */
function mix(round: number, b: number, c: number, d: number): number {
  if (round < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (round < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

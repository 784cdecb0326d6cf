// The LZ4 encoder (docs/formats/lz4.md) in AssemblyScript, for speed. It takes a stream in parts,
// makes a block of each, and finds matches in what came before; its memory is of a fixed size.
// Its caller is src/lz4-kernel.ts.

const hashBits: u32 = 14;
const table: usize = 0x1000;
const tableSize: usize = (1 << hashBits) << 2;

/** Matches reach so far back. */
const historyMax: usize = 0xffff;
const partMax: usize = 1 << 18;
/** Copies may write beyond their end, and comparisons read beyond it. */
const padding: usize = 32;

const window: usize = table + tableSize;
const output: usize = window + historyMax + partMax + padding;
/** As much as the longest block: one sequence of literals. */
const outputSize: usize = partMax + partMax / 255 + 16 + padding;

/** No match begins in the last twelve bytes of a block, and the last five are literals. */
const lastMatch: usize = 12;
const lastLiterals: usize = 5;

/** Where the next part begins. */
let tail: usize = window;

/** Begins a stream. Returns the most that a part may have; 0 where there is no memory. */
export function reset(): usize {
  const pages = <i32>((output + outputSize + 0xffff) >>> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) return 0;
  memory.fill(table, 0, tableSize);
  tail = window;
  return partMax;
}

/** The address where the next part is put. */
export function room(): usize {
  const history = tail - window;
  if (history > historyMax) {
    const shift = history - historyMax;
    memory.copy(window, window + shift, historyMax);
    for (let entry = table; entry < table + tableSize; entry += 4) {
      const at = <usize>load<u32>(entry);
      store<u32>(entry, at > window + shift ? <u32>(at - shift) : 0);
    }
    tail -= shift;
  }
  return tail;
}

/** The address of the block that was made. */
export function block(): usize {
  return output;
}

function slotOf(word: u64): usize {
  // Of five bytes: with four, a colour finds its last place but rarely what followed it.
  return table + <usize>((((word << 24) * 889523592379) >>> (64 - hashBits)) << 2);
}

/** Makes a block of the part, of `size` bytes, which is there; returns the block's size. */
export function encode(size: usize): usize {
  const end = tail + size;
  const matchStop = end - lastMatch;
  const literalStop = end - lastLiterals;
  let out = output;
  let literals = tail;
  let at = tail;
  tail = end;
  if (size > lastMatch) {
    let misses: usize = 0;
    while (at < matchStop) {
      const word = load<u64>(at);
      const slot = slotOf(word);
      let candidate = <usize>load<u32>(slot);
      store<u32>(slot, <u32>at);
      if (candidate < window || at - candidate > historyMax || load<u32>(candidate) !== <u32>word) {
        // Where nothing matches, look less often.
        at += 1 + (misses++ >>> 6);
        continue;
      }
      misses = 0;
      while (at > literals && candidate > window && load<u8>(at - 1) === load<u8>(candidate - 1)) {
        at--;
        candidate--;
      }
      const length = matchLength(candidate, at, literalStop);
      out = writeSequence(literals, at, length - 4, out);
      store<u16>(out, <u16>(at - candidate));
      out += 2;
      if (length >= 19) out = writeRest(length - 19, out);
      at += length;
      literals = at;
      if (at < matchStop) store<u32>(slotOf(load<u64>(at - 2)), <u32>(at - 2));
    }
  }
  return writeSequence(literals, end, 0, out) - output;
}

/** How many bytes are the same at two places, of which the first four are, and before `stop`. */
// @ts-expect-error: decorators are AssemblyScript's.
function matchLength(candidate: usize, at: usize, stop: usize): usize {
  let here = at + 4;
  let there = candidate + 4;
  while (here + 8 <= stop) {
    const difference = load<u64>(here) ^ load<u64>(there);
    if (difference !== 0) return here - at + <usize>(ctz<u64>(difference) >>> 3);
    here += 8;
    there += 8;
  }
  while (here < stop && load<u8>(here) === load<u8>(there)) {
    here++;
    there++;
  }
  return here - at;
}

/** Writes the token and the literals of a sequence, all but its match, which is `rest` over 4. */
// @ts-expect-error: decorators are AssemblyScript's.
function writeSequence(from: usize, to: usize, rest: usize, start: usize): usize {
  const count = to - from;
  let out = start + 1;
  const lower: usize = rest < 15 ? rest : 15;
  if (count < 15) {
    store<u8>(start, <u8>((count << 4) | lower));
    v128.store(out, v128.load(from));
    return out + count;
  }
  store<u8>(start, <u8>(0xf0 | lower));
  out = writeRest(count - 15, out);
  if (count > 256) memory.copy(out, from, count);
  else for (let at: usize = 0; at < count; at += 16) v128.store(out + at, v128.load(from + at));
  return out + count;
}

/** Writes what a count has beyond the 15 of its token. */
function writeRest(rest: usize, start: usize): usize {
  let out = start;
  for (; rest >= 255; rest -= 255) store<u8>(out++, 255);
  store<u8>(out++, <u8>rest);
  return out;
}

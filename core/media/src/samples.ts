// Samples of 16 bits, lowest byte first, as the wire has them, and as numbers from -1 to 1.

const full = 32_768;

/** What Opus can code: these rates only, and here no more than two channels. */
const opusFrequencies: readonly number[] = [8000, 12_000, 16_000, 24_000, 48_000];

export function isForOpus(format: {
  readonly channels: number;
  readonly frequency: number;
}): boolean {
  return format.channels <= 2 && opusFrequencies.includes(format.frequency);
}

/** Half a sample at the end is left out. */
export function floatSamples(data: Uint8Array): Float32Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const samples = new Float32Array(data.length >> 1);
  for (let index = 0; index < samples.length; index++) {
    samples[index] = view.getInt16(index * 2, true) / full;
  }
  return samples;
}

/** What is louder than full is cut. */
export function wholeSamples(samples: Float32Array, count = samples.length): Int16Array {
  const whole = new Int16Array(count);
  for (let index = 0; index < Math.min(count, samples.length); index++) {
    whole[index] = Math.max(-full, Math.min(full - 1, Math.round(samples[index]! * full)));
  }
  return whole;
}

export function sampleBytes(samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  for (const [index, sample] of samples.entries()) view.setInt16(index * 2, sample, true);
  return bytes;
}

/** Samples of 16 bits out of bytes that may lie anywhere. */
export function samplesOf(data: Uint8Array): Int16Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Int16Array.from({ length: data.length >> 1 }, (_, index) => {
    return view.getInt16(index * 2, true);
  });
}

/** `frames` of each plane, one after the other. */
export function interleave(planes: readonly Float32Array[], frames: number): Float32Array {
  const samples = new Float32Array(frames * planes.length);
  for (const [channel, plane] of planes.entries()) {
    for (let frame = 0; frame < frames; frame++) {
      samples[frame * planes.length + channel] = plane[frame]!;
    }
  }
  return samples;
}

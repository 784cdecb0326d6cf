// Opus in a browser: its own decoder where there is one, libopus in WebAssembly where there is none
// (pages that were not served securely). Loaded when the guest first plays.

import { interleave } from "@caraway/media";

/** Takes packets of one sender in order. */
export interface PacketDecoder {
  decode(packet: Uint8Array, time: number): void;
  close(): void;
}

/** Interleaved samples, -1 to 1; `time` is that of their packet. */
export type TakeSamples = (samples: Float32Array, time: number) => void;

/** Whether this page can decode Opus, one way or the other. */
export function canDecodeOpus(): boolean {
  if ("AudioDecoder" in globalThis) return true;
  try {
    // A security policy that forbids WebAssembly shows here.
    return new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)) !== null;
  } catch {
    return false;
  }
}

export async function openOpusDecoder(
  channels: number,
  frequency: number,
  take: TakeSamples,
): Promise<PacketDecoder> {
  if ("AudioDecoder" in globalThis) return openOwnDecoder(channels, frequency, take);
  const { OpusDecoder } = await import("opus-decoder");
  const decoder = new OpusDecoder({ channels });
  await decoder.ready;
  return {
    decode(packet, time) {
      const { channelData, samplesDecoded } = decoder.decodeFrame(packet);
      if (samplesDecoded > 0) take(interleave(channelData, samplesDecoded), time);
    },
    close: () => decoder.free(),
  };
}

/** Microseconds on the decoder's clock from one packet to the next; only their order counts. */
const step = 10_000;

function openOwnDecoder(channels: number, frequency: number, take: TakeSamples): PacketDecoder {
  /** Times of packets that are being decoded. */
  const times: number[] = [];
  let next = 0;
  const configure = (): AudioDecoder => {
    times.length = 0;
    const decoder = new AudioDecoder({
      output(data) {
        const samples = new Float32Array(data.numberOfFrames * channels);
        data.copyTo(samples, { planeIndex: 0, format: "f32" });
        data.close();
        const time = times.shift();
        if (time !== undefined) take(samples, time);
      },
      // A bad packet ends this kind of decoder: the next packet begins with a new one.
      error: () => {},
    });
    decoder.configure({ codec: "opus", sampleRate: frequency, numberOfChannels: channels });
    return decoder;
  };
  let decoder = configure();
  return {
    decode(packet, time) {
      if (decoder.state === "closed") decoder = configure();
      times.push(time);
      next += step;
      decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: next, data: packet }));
    },
    close() {
      if (decoder.state !== "closed") decoder.close();
    },
  };
}

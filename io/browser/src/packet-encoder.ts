// Opus from a browser's own encoder, for what the user says. Only pages that were served securely
// have it, and only they have microphones.

/** Takes samples of one speaker in order. */
export interface PacketEncoder {
  /** 10 ms of interleaved samples, -1 to 1. */
  encode(samples: Float32Array): void;
  close(): void;
}

const packetUs = 10_000;

export function canEncodeOpus(): boolean {
  return "AudioEncoder" in globalThis;
}

export function openPacketEncoder(
  channels: number,
  frequency: number,
  take: (packet: Uint8Array) => void,
): PacketEncoder {
  let timestamp = 0;
  const configure = (): AudioEncoder => {
    const encoder = new AudioEncoder({
      output(chunk) {
        const packet = new Uint8Array(chunk.byteLength);
        chunk.copyTo(packet);
        take(packet);
      },
      // What ends an encoder is forgotten with it: the next packet begins with a new one.
      error: () => {},
    });
    const opus = { frameDuration: packetUs };
    const format = { codec: "opus", sampleRate: frequency, numberOfChannels: channels };
    encoder.configure({ ...format, bitrate: 96_000, opus } as AudioEncoderConfig);
    return encoder;
  };
  let encoder = configure();
  return {
    encode(samples) {
      if (encoder.state === "closed") encoder = configure();
      const data = new AudioData({
        format: "f32",
        sampleRate: frequency,
        numberOfChannels: channels,
        numberOfFrames: samples.length / channels,
        timestamp,
        data: samples as Float32Array<ArrayBuffer>,
      });
      timestamp += packetUs;
      encoder.encode(data);
      data.close();
    },
    close() {
      if (encoder.state !== "closed") encoder.close();
    },
  };
}

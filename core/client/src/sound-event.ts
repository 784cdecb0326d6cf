// What a session tells of sound, in both directions.

export type SoundCoding = "raw" | "opus";

/** `channelId` tells several sound devices of a guest apart; there is usually one, 0. */
export type SoundEvent =
  /** The guest plays: samples of 16 bits, `channels` interleaved. `time`: `mm_time` of the start. */
  | {
      readonly name: "playback-start";
      readonly channelId: number;
      readonly channels: number;
      readonly frequency: number;
      readonly time: number;
    }
  /** `raw`: whole frames, lowest byte first. `opus`: one packet. `time`: `mm_time` of its start. */
  | {
      readonly name: "playback-data";
      readonly channelId: number;
      readonly coding: SoundCoding;
      readonly time: number;
      readonly data: Uint8Array;
    }
  | { readonly name: "playback-stop"; readonly channelId: number }
  /** Sound is in step with video when it is heard no earlier than that behind its `time`. */
  | { readonly name: "playback-latency"; readonly channelId: number; readonly ms: number }
  /** The guest listens: answer with `record-data` commands of this coding until `record-stop`. */
  | {
      readonly name: "record-start";
      readonly channelId: number;
      readonly coding: SoundCoding;
      readonly channels: number;
      readonly frequency: number;
    }
  | { readonly name: "record-stop"; readonly channelId: number }
  /** What the guest set: per channel 0 to 65535. */
  | {
      readonly name: "volume";
      readonly kind: "playback" | "record";
      readonly channelId: number;
      readonly volume: readonly number[];
      readonly muted: boolean;
    };

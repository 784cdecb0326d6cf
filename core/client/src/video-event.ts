// What a session tells of video streams.

/** All frames that came are accounted for: shown, dropped, refused, or still waiting. */
export interface VideoFigures {
  readonly received: number;
  /** Named to the renderer as due. */
  readonly shown: number;
  /** Came too late; most of them count as dropped, too. */
  readonly late: number;
  /** Too late, overtaken by a later one, too many, or left at the end of the stream. */
  readonly dropped: number;
  /** Of a codec that is not decoded here. */
  readonly refused: number;
  readonly bytes: number;
}

export type VideoEvent =
  | {
      readonly name: "video-began";
      readonly channelId: number;
      readonly stream: number;
      /** A `VideoCodecType`, or one that we do not know. */
      readonly codec: number;
      readonly width: number;
      readonly height: number;
    }
  | {
      readonly name: "video-ended";
      readonly channelId: number;
      readonly stream: number;
      readonly figures: VideoFigures;
    };

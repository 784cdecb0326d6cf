export { type Encoders, plainEncoders } from "./encoders.ts";
export type { ClientKey, ServerEvent } from "./events.ts";
export * from "./guest.ts";
export * from "./guest-device.ts";
export * from "./guest-drawing.ts";
export type { JpegTask, JpegTaskResult } from "./jpeg-task.ts";
export {
  type ChannelMoved,
  type ChannelOutcome,
  type ChannelPolicies,
  type ChannelPolicy,
  type ClientLeft,
  type ClientMode,
  type ClientMoved,
  defaultSourceMove,
  defaultTargetMove,
  type MoveMode,
  type MoveTarget,
  type SourceMove,
  type TargetMove,
} from "./moves.ts";
export {
  type ChannelSecurity,
  type ChannelTypeName,
  type CompressionName,
  defaultServerOptions,
  type ServerOptions,
  type Sharing,
  type WanChoice,
} from "./options.ts";
export { SpiceServer } from "./server.ts";
export type {
  Arrival,
  ServerCommand,
  ServerInput,
  ServerOutput,
  ServerTask,
  ServerTaskResult,
  Ticket,
} from "./server-border.ts";
export type { SoundTask, SoundTaskResult } from "./sound-task.ts";
export { type VideoCodecName, videoCodecNumbers } from "./video-codecs.ts";
export type { VideoBudget, VideoTask, VideoTaskResult } from "./video-task.ts";

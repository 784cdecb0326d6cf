export { ChannelClosed } from "./channel-end.ts";
export {
  type ChannelId,
  type ChannelName,
  channelLabel,
  channelNameOf,
  channelNames,
  channelType,
} from "./channel-name.ts";
export type { CursorShape } from "./cursor-channel.ts";
export type { MouseModeName, SessionEvent } from "./events.ts";
export { gatewayEndpoint, mapTargetThrough } from "./gateway-endpoint.ts";
export type { InputCommand } from "./input-command.ts";
export type { ChannelOutcome, MigrationEvent } from "./migration-event.ts";
export { MigrationFailure, type MigrationFailureCode } from "./migration-failure.ts";
export {
  chooseAddress,
  defaultSessionOptions,
  describeEndpoint,
  type Endpoint,
  type MigrationMode,
  migrationModes,
  type SessionOptions,
} from "./options.ts";
export { ClientSession, type SessionCommand, type SessionInput } from "./session.ts";
export type { RenderCommand, SessionOutput } from "./session-output.ts";
export type { SoundCoding, SoundEvent } from "./sound-event.ts";
export { StreamOverflow } from "./stream-channel.ts";
export {
  type CardMessage,
  cardMessageBytes,
  type PortSignal,
  type StreamChannelName,
  type StreamCommand,
  type StreamEvent,
  type StreamKey,
  streamNames,
} from "./stream-event.ts";
export { portOf } from "./target-endpoint.ts";
export type { VideoEvent, VideoFigures } from "./video-event.ts";

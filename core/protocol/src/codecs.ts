// The codecs of every channel, direction by direction, and of the structs that stand alone. The
// code behind them is generated from the declarations; its layout follows their modules.

export {
  agentCodec,
  agentMessageHeaderCodec,
  fileXferStatusErrorCodec,
  fileXferStatusNotEnoughSpaceCodec,
  vdiChunkHeaderCodec,
} from "./generated/agent.ts";
export { playbackCodec, recordCodec } from "./generated/audio.ts";
export { baseCodec } from "./generated/base.ts";
export {
  cursorStateCodec,
  displayEarlyStateCodec,
  displayStateCodec,
  inputsStateCodec,
  streamStateCodec,
} from "./generated/channel-state.ts";
export { cursorCodec } from "./generated/cursor.ts";
export {
  portCodec,
  smartcardCodec,
  usbredirCodec,
  vscErrorCodec,
  webdavCodec,
  webdavFrameCodec,
} from "./generated/devices.ts";
export { displayCodec } from "./generated/display.ts";
export {
  dataHeaderCodec,
  miniDataHeaderCodec,
  subMessageListCodec,
} from "./generated/framing.ts";
export { paletteCodec } from "./generated/image.ts";
export { inputsCodec } from "./generated/inputs.ts";
export { linkHeaderCodec, linkMessCodec, linkReplyCodec, saslDataCodec } from "./generated/link.ts";
export { mainCodec } from "./generated/main.ts";
export {
  displayMigrationDataCodec,
  inputsMigrationDataCodec,
  mainMigrationDataCodec,
  smartcardMigrationDataCodec,
  spicevmcMigrationDataCodec,
} from "./generated/migration-data.ts";
export { agentStateCodec, peerCodec } from "./generated/peer.ts";
export { streamDeviceCodec, streamDeviceHeaderCodec } from "./generated/stream-device.ts";

export type { BlockWork } from "./bulk-only.ts";
export * from "./constants.ts";
export {
  checkFilter,
  type FilteredDevice,
  type FilterRule,
  formatFilter,
  parseFilter,
} from "./filter.ts";
export {
  bulkLength,
  bulkLengthFields,
  bulkTransferMax,
  type UsbredirRole,
} from "./packet-rules.ts";
export {
  type Hello,
  PacketStream,
  type PacketStreamOptions,
  type SavedPacketStream,
} from "./packet-stream.ts";
export {
  eitherPackets,
  guestPackets,
  hostPackets,
  type Packet,
  type PacketBody,
  type PacketName,
  type PacketOf,
} from "./packets.ts";
export type { DriveKind, Medium } from "./scsi-disk.ts";
export {
  StorageHost,
  type StorageHostOptions,
  type StorageInput,
  type StorageOutput,
} from "./storage-host.ts";
export { UsbredirError, type UsbredirFault } from "./usbredir-error.ts";

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
export { type Hello, PacketStream, type PacketStreamOptions } from "./packet-stream.ts";
export {
  eitherPackets,
  guestPackets,
  hostPackets,
  type Packet,
  type PacketBody,
  type PacketName,
  type PacketOf,
} from "./packets.ts";
export { UsbredirError, type UsbredirFault } from "./usbredir-error.ts";

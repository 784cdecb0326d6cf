export type { BlockWork } from "./bulk-only.ts";
export { likelySpeed, readConfiguration, readDevice } from "./configuration.ts";
export * from "./constants.ts";
export type {
  ControlSetup,
  DeviceInput,
  DeviceOutput,
  DeviceState,
  DeviceWork,
  HidInput,
  LineState,
  SerialWork,
  TransferResult,
  TransferWork,
} from "./device-work.ts";
export {
  checkFilter,
  type FilteredDevice,
  type FilterRule,
  formatFilter,
  parseFilter,
} from "./filter.ts";
export { HidDevice, type HidKind, tabletMax } from "./hid-device.ts";
export { scancodeUsage } from "./key-usages.ts";
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
export { PassedDevice } from "./passed-device.ts";
export type { DriveKind, Medium } from "./scsi-disk.ts";
export { SerialDevice } from "./serial-device.ts";
export { StorageDevice, type StorageOptions } from "./storage-device.ts";
export {
  filteredDevice,
  type UsbDescription,
  type UsbEndpoint,
  type UsbInterface,
} from "./usb-description.ts";
export type { DeviceOwner, UsbDevice } from "./usb-device.ts";
export { UsbHost, type UsbHostInput, type UsbHostOutput } from "./usb-host.ts";
export { UsbredirError, type UsbredirFault } from "./usbredir-error.ts";

// What every driver shares, whatever it runs on.

export {
  ClientDriver,
  type ClientDriverOptions,
  type DecodeImage,
  type PictureEvent,
} from "./client-driver.ts";
export { ClientStream, ClientStreams, type StreamUser } from "./client-stream.ts";
export * from "./drive.ts";
export type { FileSource } from "./file-sources.ts";
export {
  type Credentials,
  type CredentialsRequest,
  type CredentialsSource,
  type LinkedConnection,
  LinkTasks,
} from "./link-tasks.ts";
export { type OfferedFile, OfferedFiles, OfferingFolder } from "./offered-files.ts";
export { answerOrFailure, FolderError, OpenFiles } from "./open-files.ts";
export {
  filteredUsb,
  PassedUsb,
  UsbWithheldError,
  usbName,
  type WebUsbConfiguration,
  type WebUsbDevice,
} from "./passed-usb.ts";
export type {
  LinkCrypto,
  Platform,
  ScramCrypto,
  ScramHash,
  Transport,
  TransportListener,
} from "./platform.ts";
export { prepareString } from "./sasl-prep.ts";
export { type Picture, type Screen, Screens } from "./screens.ts";
export {
  type FolderStore,
  SharedFolder,
  type SharedFolderEvent,
  type SharedFolderOptions,
} from "./shared-folder.ts";
export {
  type Card,
  type PrivateKeys,
  type SmartcardEvent,
  SmartcardReader,
  SmartcardReaders,
  SoftwareCard,
} from "./smartcard.ts";
export { type Clock, Turns, type TurnsOptions } from "./turns.ts";
export { type KeyStroke, leftShift, strokeOf, typing } from "./us-keyboard.ts";
export { type BlockStore, UsbDrive } from "./usb-drive.ts";
export { UsbHid } from "./usb-hid.ts";
export {
  defaultAutoFilter,
  RuledUsb,
  type RuledUsbListener,
  type UsbBus,
  type UsbBusListener,
  type UsbRules,
} from "./usb-rules.ts";
export { type SerialLine, UsbSerial } from "./usb-serial.ts";
export { AttachedUsb, type UsbDeviceEvent, UsbDevices } from "./usb-slots.ts";

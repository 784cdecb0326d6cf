// Drivers for the browser: the machines of the core with WebSockets, WebCrypto, workers, canvases.

export {
  AttachedUsb,
  type BlockStore,
  type Card,
  ClientStream,
  type FolderStore,
  filteredUsb,
  OfferedFiles,
  OfferingFolder,
  PassedUsb,
  RuledUsb,
  type SerialLine,
  SharedFolder,
  type SharedFolderEvent,
  type SmartcardEvent,
  SmartcardReader,
  SmartcardReaders,
  type StreamUser,
  type UsbDeviceEvent,
  UsbDevices,
  UsbDrive,
  UsbHid,
  UsbSerial,
  UsbWithheldError,
  usbName,
  type WebUsbDevice,
} from "@caraway/driver";
export { blobStore } from "./blob-store.ts";
export {
  BrowserClient,
  type BrowserClientOptions,
  type Capture,
  type Placement,
} from "./browser-client.ts";
export type { ByteChannel } from "./byte-channel.ts";
export {
  type ChannelFigures,
  type ClientEvent,
  type CodecFigures,
  type CursorImage,
  type PlainError,
  type ScreenInfo,
  type ScreenKey,
  type SharedTime,
  type Statistics,
  sharedTime,
  type TargetAddress,
} from "./client-message.ts";
export { prepareWorker } from "./client-worker.ts";
export { type BlobCardOptions, openBlobCard } from "./file-card.ts";
export { FilesFolder } from "./files-folder.ts";
export { type FolderHandle, HandleFolder } from "./handle-folder.ts";
export type { MicrophoneChoice, MicrophoneState } from "./microphone.ts";
export { OverlayStore } from "./overlay-store.ts";
export { PageUsb, type WebUsb } from "./page-usb.ts";
export {
  type ByteStreams,
  SerialPortLine,
  streamsLine,
  type WebSerialPort,
} from "./serial-line.ts";
export {
  canPickFolders,
  folderOfFiles,
  type PickedFolder,
  pickFolder,
  sharedFolder,
} from "./share-folder.ts";
export { type SoundFigures, SoundOutput, type SoundState } from "./sound-output.ts";
export type { ConnectionAnswer, ConnectionRequest, Connector } from "./transport.ts";

// Drivers for Node: the machines of the core with sockets, TLS, timers and crypto.

export {
  AttachedUsb,
  type Card,
  ClientStream,
  type Credentials,
  type CredentialsRequest,
  type CredentialsSource,
  type Driver,
  type DriverInput,
  type DriverOutput,
  defaultAutoFilter,
  type FileSource,
  filteredUsb,
  type OfferedFile,
  OfferedFiles,
  PassedUsb,
  type Picture,
  type PictureEvent,
  RuledUsb,
  type RuledUsbListener,
  type Screen,
  Screens,
  type SerialLine,
  SharedFolder,
  type SharedFolderEvent,
  type SmartcardEvent,
  SmartcardReader,
  SmartcardReaders,
  SoftwareCard,
  type StreamUser,
  type Transport,
  type TransportListener,
  type UsbDeviceEvent,
  UsbDevices,
  UsbDrive,
  UsbHid,
  type UsbRules,
  UsbSerial,
  UsbWithheldError,
  usbName,
  type WebUsbDevice,
} from "@caraway/driver";
export { acceptWebSocket, type WebSocketStream, webSocketFault } from "./accept-websocket.ts";
export type { BulkReads } from "./bulk-reads.ts";
export { attachSocket, type ByteStream, type ByteStreamListener } from "./byte-stream.ts";
export {
  type Capture,
  CaptureError,
  type CaptureRecord,
  type CaptureSource,
  parseCapture,
  readCapture,
} from "./capture.ts";
export * from "./connection-options.ts";
export * from "./drive.ts";
export { findVideoEncoders, type VideoEncoders } from "./ffmpeg.ts";
export { type FileCardKey, type FileCardOptions, openFileCard } from "./file-card.ts";
export { type FileDriveOptions, openFileDrive } from "./file-drive.ts";
export { openFile } from "./file-source.ts";
export { NodeFolder, openSharedFolder, type ShareOptions } from "./folder-store.ts";
export { HostUsb, UsbMissingError } from "./host-usb.ts";
export { inflate } from "./inflate.ts";
export { decodeJpeg } from "./jpeg.ts";
export { encodeJpeg } from "./jpeg-encode.ts";
export { type Kernels, loadKernels } from "./kernels.ts";
export { type ListenAddress, Listener, type ListenOptions, type ListenTls } from "./listen.ts";
export type { OriginRule } from "./listen-websocket.ts";
export { offeredPath } from "./offered-path.ts";
export {
  openOpusDecoder,
  openOpusEncoder,
  type PacketDecoder,
  type PacketEncoder,
  SoundError,
} from "./opus.ts";
export { PcscDaemon, PcscError, type PcscReaderState } from "./pcsc-daemon.ts";
export { PcscReader, type PcscReaderOptions } from "./pcsc-reader.ts";
export { nodeClock, nodePlatform } from "./platform.ts";
export { openSerialLine, streamLine } from "./serial-line.ts";
export { GuestServer, type ServeOptions, type Traffic } from "./serve.ts";
export type { SaslPasswords } from "./serve-scram.ts";
export { type PlaybackSink, type SoundFormat, SoundPlayer } from "./sound-player.ts";
export { type RecordSource, SoundRecorder } from "./sound-recorder.ts";
export { SpiceClient, type SpiceClientOptions } from "./spice-client.ts";
export { formatSpiceUri, parseSpiceUri, SpiceUriError } from "./spice-uri.ts";
export { streamDuplex } from "./stream-duplex.ts";
export * from "./transport.ts";
export { TransportError } from "./transport-failure.ts";
export { type HttpProxy, ProxyUrlError, parseProxyUrl } from "./transport-proxy.ts";
export type { TlsOptions } from "./transport-tls.ts";
export {
  type OvirtAccess,
  parseVvFile,
  readVvFile,
  type VvFile,
  VvFileError,
  type VvFileFault,
} from "./vv-file.ts";
export { readWav, type WavSound, WavWriter, wavSource } from "./wav-file.ts";

// Real programs as peers: QEMU with spice-server and a graphical guest, and what a test needs to drive and to compare them.

export {
  CarawayClient,
  type CarawayClientOptions,
  comparePictures,
  connectCaraway,
  endpointOf,
} from "./caraway-client.ts";
export type { Cell, CellResult } from "./cell.ts";
export {
  CertificateAuthority,
  type ServerCertificate,
  type ServerCertificateOptions,
} from "./certificates.ts";
export { ClipboardUser } from "./clipboard-user.ts";
export {
  DrawServer,
  type DrawServerOptions,
  type SurfacePixels,
  startDrawServer,
  surfaceToRgb,
} from "./draw-server.ts";
export {
  compareDrawing,
  type DrawComparison,
  describeDifferences,
} from "./drawing/draw-comparison.ts";
export { type DrawKind, drawKinds } from "./drawing/random-draw.ts";
export { type DrawingSample, drawingSamples, sampleSize, withSample } from "./drawing-samples.ts";
export { FolderGuest, loudPort, serveFolderGuest } from "./folder-guest.ts";
export { type GatewayTestOptions, type LogLine, TestGateway } from "./gateway.ts";
export { GtkClient, type GtkClientOptions, startGtkClient } from "./gtk-client.ts";
export { ensureGuest, type Guest } from "./guest.ts";
export { againIfGuestDied, demandAlive, GuestDied } from "./guest-death.ts";
export { HostProcess, type HostProcessOptions } from "./host-process.ts";
export { JsonProgram, type ProgramEvent } from "./json-program.ts";
export {
  firmwareMachine,
  firmwareVm,
  KeeperFolder,
  keptVmDescription,
  stoppedPicture,
} from "./kept-vm.ts";
export {
  announceTarget,
  beginMigration,
  type MigrationOptions,
  type MigrationReport,
  migrate,
  waitForLinks,
  waitForMigration,
} from "./migration.ts";
export { type MoveReport, MovingTestcard, type MovingTestcardOptions } from "./moving-testcard.ts";
export { ensureNewerQemu } from "./newer-qemu.ts";
export { ensurePackages } from "./packages.ts";
export type {
  DisplayDevice,
  ImageCompression,
  SpiceOptions,
  VmDevices,
  WanCompression,
} from "./qemu-arguments.ts";
export { Qmp, type QmpCommands } from "./qmp.ts";
export type * from "./qxl-drawing.ts";
export {
  compareImages,
  countColours,
  decodePpm,
  type ImageDifference,
  type RgbImage,
  readPpm,
} from "./rgb-image.ts";
export { makeSaslDirectory } from "./sasl.ts";
export {
  ensureSavedVm,
  type SavedVmOptions,
  startMigrationTarget,
  startSavedVm,
} from "./saved-vm.ts";
export { SerialError, SerialLines, SerialShell } from "./serial.ts";
export { ServedTestcard, type ServedTestcardOptions } from "./served-testcard.ts";
export { type NetworkWay, SlowNetwork, type SlowNetworkOptions } from "./slow-network.ts";
export {
  findFreePort,
  type SpiceAddress,
  startVm,
  Vm,
  type VmOptions,
  waitForDesktop,
  waitUntilLoaded,
} from "./vm.ts";
export { WebdavDaemon } from "./webdav-daemon.ts";
export { startXClient, type XClientName, type XClientOptions, xClientNames } from "./x-clients.ts";
export { findPicture, type XProgram, XScreen, type XScreenOptions } from "./x-screen.ts";

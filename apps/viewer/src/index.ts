// `<spice-viewer>`, registered on import.

import { SpiceViewer } from "./spice-viewer.ts";

export type {
  ByteChannel,
  ConnectionAnswer,
  ConnectionRequest,
  Connector,
  FolderHandle,
  PlainError,
  ScreenInfo,
  Statistics,
} from "@caraway/browser";
export type { MigrationMode, MouseModeName } from "@caraway/client";
export type { Credentials } from "@caraway/driver";
export type { ConnectOptions } from "./connect-options.ts";
export type { FolderState } from "./devices/folder-sharing.ts";
export type { GuestDevices } from "./devices/guest-devices.ts";
export type { FileTransfer } from "./files/file-sending.ts";
export type { LockKeys } from "./input/keyboard.ts";
export type { TouchMode } from "./input/pointer-input.ts";
export type { UnicodeEntry } from "./input/text-typing.ts";
export type { Scaling } from "./screen/screen-layout.ts";
export {
  type ChannelMove,
  type LinkTrouble,
  type MigrationRecord,
  pictureGapMs,
} from "./session/timeline.ts";
export type { CredentialName, Move, ViewerState } from "./session/viewer-state.ts";
export { SpiceViewer } from "./spice-viewer.ts";
export type { SpiceViewerEvent, SpiceViewerEvents } from "./viewer-events.ts";

/** The element's name in HTML. */
export const tagName = "spice-viewer";

if (globalThis.customElements !== undefined && customElements.get(tagName) === undefined) {
  customElements.define(tagName, SpiceViewer);
}

declare global {
  interface HTMLElementTagNameMap {
    "spice-viewer": SpiceViewer;
  }
}

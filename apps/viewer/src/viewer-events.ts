// The events of a viewer and what they carry in `detail`.

import type { PlainError, ScreenInfo, SoundState, Statistics } from "@caraway/browser";
import type { FileTransfer } from "./files/file-sending.ts";
import type { LockKeys } from "./input/keyboard.ts";
import type { MigrationRecord } from "./session/timeline.ts";
import type { CredentialName, ViewerState } from "./session/viewer-state.ts";

export interface SpiceViewerEvents {
  /** A session is there. Comes again after each reconnection, not after a move. */
  connect: Record<string, never>;
  /** `clean`: somebody wanted it. After it nothing is tried by itself. */
  disconnect: { readonly clean: boolean; readonly error: PlainError | null };
  /** Answer with `sendCredentials`; the viewer asks its user, too, unless this is prevented. */
  credentialsrequired: { readonly types: readonly CredentialName[]; readonly refused: boolean };
  /** Every change of what the viewer is doing. */
  statechange: { readonly state: ViewerState };
  /** What a gateway's token was redeemed for, and again after a move: keep it for a reload. */
  gatewaysession: { readonly session: string };
  desktopname: { readonly name: string };
  /** The guest's agent came or went: only with it the guest can be resized. */
  capabilities: { readonly agent: boolean };
  /** Text was copied in the guest. */
  clipboard: { readonly text: string };
  /** Files were copied in the guest, within the folder that it shares with the user. */
  clipboardfiles: { readonly paths: readonly string[] };
  /** Anything about the files on their way to the guest is new. */
  filetransfer: { readonly transfers: readonly FileTransfer[] };
  /** `blocked`: the guest plays, and the browser waits until the user touches the page. */
  soundchange: { readonly state: SoundState };
  screenschange: { readonly screens: readonly ScreenInfo[] };
  /** Anything about a move between hosts is new. */
  migration: { readonly record: MigrationRecord };
  statistics: { readonly statistics: Statistics };
  ledschange: LockKeys;
  /** Text that could not be typed: no key has it. */
  textrefused: { readonly text: string };
  /** The pointer was taken or given back. */
  pointerlock: { readonly locked: boolean };
}

export type SpiceViewerEvent<K extends keyof SpiceViewerEvents> = CustomEvent<SpiceViewerEvents[K]>;

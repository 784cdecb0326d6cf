// The guest's ports and its way to a folder of the user's, over all sessions of a viewer. What shows
// or serves them is loaded when somebody wants it.

import type { ClientStream, FolderHandle } from "@caraway/browser";
import type { Words } from "../locales/english.ts";
import type { ConsolePanel } from "../ui/console-panel.ts";
import type { FolderSharing, FolderState } from "./folder-sharing.ts";
import { GuestPort } from "./guest-port.ts";

/** What a session's channels are opened for beside the desktop. */
export const deviceChannels = ["port", "webdav"] as const;

export class GuestDevices {
  readonly #root: ShadowRoot;
  readonly #changed: () => void;
  #ports: GuestPort[] = [];
  #folderStream: ClientStream | null = null;
  #sharing: FolderSharing | null = null;
  #console: ConsolePanel | null = null;

  constructor(root: ShadowRoot, changed: () => void) {
    this.#root = root;
    this.#changed = changed;
  }

  /** Another session begins. */
  begin(): void {
    this.#ports = [];
    this.#folderStream = null;
    this.#changed();
  }

  opened(stream: ClientStream): void {
    if (stream.channel === "port") {
      this.#ports.push(new GuestPort(stream, () => this.#changed()));
      this.#console?.portCame(this.ports);
      this.#changed();
    } else if (stream.channel === "webdav") {
      this.#folderStream = stream;
      this.#sharing?.offer(stream);
      this.#changed();
    }
  }

  get ports(): readonly GuestPort[] {
    return this.#ports.filter(({ isClosed }) => !isClosed);
  }

  /** Whether the guest has a way to a folder of the user's. */
  get takesFolder(): boolean {
    return this.#folderStream !== null;
  }

  /** Null: nothing is shared. */
  get folder(): FolderState | null {
    return this.#sharing?.state ?? null;
  }

  /** Shares what the embedder has, or asks the user for it. False: there is nothing to be shared. */
  async share(what: FolderHandle | Iterable<File> | null, readOnly: boolean): Promise<boolean> {
    const { FolderSharing: Sharing } = await import("./folder-sharing.ts");
    const changed = () => this.#changed();
    const sharing =
      what === null ? await Sharing.pick(readOnly, changed) : Sharing.of(what, readOnly, changed);
    if (sharing === null) return false;
    await this.unshare();
    this.#sharing = sharing;
    if (this.#folderStream !== null) sharing.offer(this.#folderStream);
    this.#changed();
    return true;
  }

  async unshare(): Promise<void> {
    const sharing = this.#sharing;
    this.#sharing = null;
    await sharing?.close();
    this.#changed();
  }

  /** Shows a port as a terminal. */
  async openConsole(port: GuestPort, words: Words): Promise<void> {
    this.closeConsole();
    const { ConsolePanel: Panel } = await import("../ui/console-panel.ts");
    this.closeConsole();
    const panel: ConsolePanel = new Panel(this.#root, port, words, () => {
      if (this.#console === panel) this.#console = null;
    });
    this.#console = panel;
  }

  closeConsole(): void {
    this.#console?.close();
    this.#console = null;
  }
}

// The viewer in a real Chromium, at a guest of ours that has a way to a folder of the user's, with
// WebDAV programs of this machine in the guest's place, and a port that talks.

import { serveFolderGuest } from "@caraway/interop";
import { type ViewerPage, ViewerWorld } from "./viewer-page.ts";

export type FolderGuestServer = Awaited<ReturnType<typeof serveFolderGuest>>;

export class FolderPages implements AsyncDisposable {
  readonly #world: ViewerWorld;

  private constructor(world: ViewerWorld) {
    this.#world = world;
  }

  static async start(): Promise<FolderPages> {
    return new FolderPages(await ViewerWorld.start());
  }

  serve(): Promise<FolderGuestServer> {
    const { server, strictServer } = this.#world;
    return serveFolderGuest({ origins: [server.origin, strictServer.origin] });
  }

  /** A viewer that shows the guest and knows its devices. */
  async open(guest: FolderGuestServer, policy: "none" | "strict" = "none"): Promise<ViewerPage> {
    const { host, port } = guest.address;
    const viewer = await this.#world.open(`?host=${host}&port=${port}&resize=off`, {}, policy);
    await viewer.untilShown();
    await viewer.until(({ devices }) => devices.takesFolder && devices.ports.length > 0);
    return viewer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#world[Symbol.asyncDispose]();
  }
}

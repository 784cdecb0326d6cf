// What the menu of shared things says of the user's folder, of USB devices and smartcards, and of the
// guest's consoles.

import type { Words } from "../locales/english.ts";
import type { SpiceViewer } from "../spice-viewer.ts";
import { button, make } from "./elements.ts";
import type { Menu } from "./menu.ts";
import { UsbItems } from "./usb-items.ts";

export class DeviceItems {
  readonly #viewer: SpiceViewer;
  readonly #menu: Menu;
  readonly #words: Words;
  readonly #folder = make("div", { className: "shared-folder" });
  readonly #usb: UsbItems;
  readonly #consoles = make("div", { className: "consoles" });
  #readOnly = false;
  #shown = "";

  constructor(menu: Menu, viewer: SpiceViewer, words: Words) {
    this.#menu = menu;
    this.#viewer = viewer;
    this.#words = words;
    this.#usb = new UsbItems(menu, viewer, words);
    menu.element.append(this.#folder, this.#usb.usb, this.#usb.card, this.#consoles);
    this.update();
  }

  update(): void {
    this.#usb.update();
    const { folder: sharedFolder, takesFolder, ports } = this.#viewer.devices;
    const names = ports.map(({ name, isGuestOpen }) => [name, isGuestOpen]);
    const shown = JSON.stringify([...[sharedFolder, takesFolder, names, this.#readOnly]]);
    // What is rebuilt under the pointer loses the click.
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#showFolder();
    this.#showConsoles();
  }

  #showFolder(): void {
    const { folder: sharedFolder, takesFolder } = this.#viewer.devices;
    const words = this.#words.folder;
    this.#folder.hidden = !takesFolder && sharedFolder === null;
    const title = make("h3", { text: words.title });
    if (sharedFolder === null) {
      const readOnly = make("button", {
        className: "item",
        text: words.readOnly,
        attributes: {
          type: "button",
          role: "menuitemcheckbox",
          "aria-checked": String(this.#readOnly),
        },
        onClick: () => {
          this.#readOnly = !this.#readOnly;
          this.update();
        },
      });
      const share = make("button", {
        className: "item",
        text: words.share,
        attributes: { type: "button", role: "menuitem" },
        onClick: () => void this.#share(),
      });
      this.#folder.replaceChildren(title, readOnly, share);
      return;
    }
    const { name, readOnly, connected, refused } = sharedFolder;
    const lines = [
      make("p", { className: "muted", text: words.shared(name, readOnly) }),
      make("p", { className: "muted", text: connected ? words.used : words.unused }),
      refused === null ? null : make("p", { className: "muted", text: words.refused(refused) }),
    ];
    const stop = button(words.stop, () => void this.#viewer.devices.stopSharing());
    const row = make("div", { className: "row" }, [stop]);
    this.#folder.replaceChildren(title, ...lines.filter((line) => line !== null), row);
  }

  #showConsoles(): void {
    const { ports } = this.#viewer.devices;
    const words = this.#words.console;
    this.#consoles.hidden = ports.length === 0;
    const items = ports.map((port) => {
      return make("button", {
        className: "item",
        text: port.isGuestOpen ? port.name : `${port.name} (${words.nobody})`,
        attributes: { type: "button", role: "menuitem" },
        onClick: () => {
          this.#menu.close();
          void this.#viewer.devices.openConsole(port.name);
        },
      });
    });
    this.#consoles.replaceChildren(make("h3", { text: words.title }), ...items);
  }

  async #share(): Promise<void> {
    this.#menu.close();
    await this.#viewer.devices.shareFolder(null, { readOnly: this.#readOnly }).catch(() => false);
  }
}

// What the menu of shared things says of the user's folder, of disk images in the guest's USB slots
// and of the guest's consoles.

import type { Words } from "../locales/english.ts";
import type { SpiceViewer } from "../spice-viewer.ts";
import { button, make } from "./elements.ts";
import type { Menu } from "./menu.ts";

export class DeviceItems {
  readonly #viewer: SpiceViewer;
  readonly #menu: Menu;
  readonly #words: Words;
  readonly #folder = make("div", { className: "shared-folder" });
  readonly #usb = make("div", { className: "usb" });
  readonly #consoles = make("div", { className: "consoles" });
  #readOnly = false;
  #shown = "";

  constructor(menu: Menu, viewer: SpiceViewer, words: Words) {
    this.#menu = menu;
    this.#viewer = viewer;
    this.#words = words;
    menu.element.append(this.#folder, this.#usb, this.#consoles);
    this.update();
  }

  update(): void {
    const { folder: sharedFolder, takesFolder, ports, usbSlots, disks } = this.#viewer.devices;
    const names = ports.map(({ name, isGuestOpen }) => [name, isGuestOpen]);
    const shown = JSON.stringify([
      ...[sharedFolder, takesFolder, names, this.#readOnly, usbSlots, disks],
    ]);
    // What is rebuilt under the pointer loses the click.
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#showFolder();
    this.#showUsb();
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

  #showUsb(): void {
    const { usbSlots, disks } = this.#viewer.devices;
    const words = this.#words.usb;
    this.#usb.hidden = usbSlots === 0 && disks.length === 0;
    const parts = disks.flatMap(({ id, name, state, isChanged, fault }) => {
      const line = (text: string) => make("p", { className: "muted", text });
      const remove = button(words.remove, () => void this.#viewer.devices.detachDisk(id));
      const save = button(words.save, () => this.#save(id, name));
      return [
        line(`${name}: ${words.states[state]}`),
        ...(isChanged ? [line(words.changed)] : []),
        ...(fault === null ? [] : [line(fault)]),
        make("div", { className: "row" }, isChanged ? [save, remove] : [remove]),
      ];
    });
    const items = (["stick", "cd"] as const).map((kind) => {
      return make("button", {
        className: "item",
        text: words[kind],
        attributes: { type: "button", role: "menuitem" },
        onClick: () => this.#choose(kind),
      });
    });
    this.#usb.replaceChildren(make("h3", { text: words.title }), ...parts, ...items);
  }

  /** Asks for a file. */
  #choose(kind: "stick" | "cd"): void {
    this.#menu.close();
    const input = document.createElement("input");
    input.type = "file";
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file !== undefined) void this.#viewer.devices.attachDisk(file, kind);
    });
    input.click();
  }

  #save(id: number, name: string): void {
    const image = this.#viewer.devices.diskImage(id);
    if (image === null) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(image);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
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

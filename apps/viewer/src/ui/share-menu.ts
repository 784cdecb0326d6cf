// The menu of what user and guest share: clipboards, each direction with a switch and by hand, and
// files.

import type { ClipboardSync } from "../clipboard/clipboard-sync.ts";
import type { Words } from "../locales/english.ts";
import type { SpiceViewer } from "../spice-viewer.ts";
import { DeviceItems } from "./device-items.ts";
import { button, make } from "./elements.ts";
import type { Menu } from "./menu.ts";

export class ShareMenu {
  readonly #viewer: SpiceViewer;
  readonly #clipboard: ClipboardSync;
  readonly #menu: Menu;
  readonly #switches = new Map<HTMLElement, () => boolean>();
  readonly #text: HTMLTextAreaElement;
  readonly #copy: HTMLButtonElement;
  readonly #shared: HTMLElement;
  readonly #copyFiles: HTMLElement;
  readonly #absent: HTMLElement;
  readonly #devices: DeviceItems;
  /** The guest's text that the field shows. */
  #shown = "";

  constructor(menu: Menu, viewer: SpiceViewer, clipboard: ClipboardSync, words: Words) {
    this.#menu = menu;
    this.#viewer = viewer;
    this.#clipboard = clipboard;
    const share = words.share;
    this.#text = make("textarea", {
      className: "clipboard",
      attributes: { rows: "4", "aria-label": share.clipboardText, spellcheck: "false" },
    });
    // Arrows move in the text rather than through the menu.
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") event.stopPropagation();
    });
    this.#copy = button(share.copy, () => void this.#copyText());
    const item = (text: string, chosen: (files: FileList) => void) => {
      return make("button", {
        className: "item",
        text,
        attributes: { type: "button", role: "menuitem" },
        onClick: () => this.#choose(chosen),
      });
    };
    this.#copyFiles = item(share.copyFiles, (files) => void viewer.copyFiles(files));
    this.#shared = make("div", {}, [
      this.#switch(share.toGuest, "toGuest"),
      this.#switch(share.fromGuest, "fromGuest"),
      make("h3", { text: share.byHand }),
      this.#text,
      make("div", { className: "row" }, [button(share.give, () => this.#give()), this.#copy]),
      make("h3", { text: share.files }),
      item(share.sendFiles, (files) => viewer.sendFiles(files)),
      this.#copyFiles,
    ]);
    this.#absent = make("p", { className: "muted", text: share.noAgent });
    menu.element.append(this.#absent, this.#shared);
    this.#devices = new DeviceItems(menu, viewer, words);
    this.update();
  }

  update(): void {
    const { agent } = this.#viewer.capabilities;
    this.#shared.hidden = !agent;
    this.#absent.hidden = agent;
    this.#copyFiles.hidden = !this.#viewer.devices.takesFolder;
    this.#devices.update();
    for (const [item, isOn] of this.#switches) item.setAttribute("aria-checked", String(isOn()));
    const { guestText } = this.#clipboard;
    if (guestText === this.#shown) return;
    this.#shown = guestText;
    this.#text.value = guestText;
  }

  #switch(label: string, which: "toGuest" | "fromGuest"): HTMLElement {
    const item = make("button", {
      className: "item",
      text: label,
      attributes: { type: "button", role: "menuitemcheckbox" },
      onClick: () => {
        this.#clipboard[which] = !this.#clipboard[which];
        this.update();
      },
    });
    this.#switches.set(item, () => this.#clipboard[which]);
    return item;
  }

  #give(): void {
    this.#clipboard.give(this.#text.value);
    this.#menu.close();
    this.#viewer.focus();
  }

  async #copyText(): Promise<void> {
    // Without the permission to write, the user copies what is selected.
    if (this.#text.value === this.#clipboard.guestText && (await this.#clipboard.write())) return;
    this.#text.focus();
    this.#text.select();
    const owner = this.#text.ownerDocument;
    owner.execCommand("copy");
  }

  #choose(chosen: (files: FileList) => void): void {
    this.#menu.close();
    const input = make("input", { attributes: { type: "file", multiple: "" } });
    input.addEventListener("change", () => {
      if (input.files !== null) chosen(input.files);
    });
    input.click();
  }
}

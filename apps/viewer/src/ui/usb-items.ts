// What the menu of shared things says of USB devices in the guest's slots, and of the smartcard in
// its reader.

import type { WebSerialPort } from "@caraway/browser";
import type { UsbState } from "../devices/usb-attachments.ts";
import type { Words } from "../locales/english.ts";
import type { SpiceViewer } from "../spice-viewer.ts";
import { button, make } from "./elements.ts";
import type { Menu } from "./menu.ts";

/** What browsers that have them give a page. */
interface PagePorts {
  readonly usb?: unknown;
  readonly serial?: { requestPort(): Promise<WebSerialPort> };
}

export class UsbItems {
  readonly usb = make("div", { className: "usb" });
  readonly card = make("div", { className: "smartcard" });
  readonly #viewer: SpiceViewer;
  readonly #menu: Menu;
  readonly #words: Words;
  #shown = "";

  constructor(menu: Menu, viewer: SpiceViewer, words: Words) {
    this.#menu = menu;
    this.#viewer = viewer;
    this.#words = words;
  }

  update(): void {
    const { usb, usbSlots, usbRefused, card, takesCard } = this.#viewer.devices;
    const shown = JSON.stringify([usb, usbSlots, usbRefused, card, takesCard]);
    // What is rebuilt under the pointer loses the click.
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#showUsb();
    this.#showCard();
  }

  #showUsb(): void {
    const { usb, usbSlots, usbRefused } = this.#viewer.devices;
    const words = this.#words.usb;
    this.usb.hidden = usbSlots === 0 && usb.length === 0;
    const ports = globalThis.navigator as PagePorts;
    const items = [
      this.#item(words.stick, () => this.#chooseDisk("stick")),
      this.#item(words.cd, () => this.#chooseDisk("cd")),
      this.#item(words.keyboard, () => void this.#viewer.devices.attachKeyboard()),
      ...(ports.serial === undefined
        ? []
        : [this.#item(words.serial, () => void this.#choosePort(ports.serial!))]),
      ...(ports.usb === undefined
        ? [muted(words.noWebUsb)]
        : [
            this.#item(words.device, () => void this.#viewer.devices.chooseUsb().catch(() => null)),
            muted(words.withheld),
          ]),
    ];
    this.usb.replaceChildren(
      make("h3", { text: words.title }),
      ...usb.flatMap((each) => this.#attached(each)),
      ...(usbRefused === null ? [] : [muted(usbRefused)]),
      ...items,
    );
  }

  #attached({ id, name, kind, state, isChanged, fault }: UsbState): readonly HTMLElement[] {
    const words = this.#words.usb;
    const { devices } = this.#viewer;
    const isTyped = kind === "keyboard" && state === "connected";
    return [
      muted(`${name}: ${words.states[state]}`),
      ...(isTyped ? [muted(words.typed)] : []),
      ...(isChanged ? [muted(words.changed)] : []),
      ...(fault === null ? [] : [muted(fault)]),
      make("div", { className: "row" }, [
        ...(kind === "cd" ? [button(words.change, () => this.#changeDisc(id))] : []),
        ...(isChanged ? [button(words.save, () => this.#save(id, name))] : []),
        button(words.remove, () => void devices.detachDisk(id)),
      ]),
    ];
  }

  #showCard(): void {
    const { card, takesCard } = this.#viewer.devices;
    const words = this.#words.card;
    this.card.hidden = !takesCard && card === null;
    const title = make("h3", { text: words.title });
    if (card !== null) {
      const remove = button(words.remove, () => this.#viewer.devices.removeCard());
      this.card.replaceChildren(
        title,
        muted(`${card.name}: ${words.states[card.state]}`),
        ...(card.fault === null ? [] : [muted(card.fault)]),
        make("div", { className: "row" }, [remove]),
      );
      return;
    }
    const pin = make("input", {
      className: "pin",
      attributes: { type: "password", "aria-label": words.pin, placeholder: words.pin },
    }) as HTMLInputElement;
    // Arrows and letters move in the field rather than through the menu.
    pin.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") event.stopPropagation();
    });
    const fault = muted("");
    const insert = this.#item(words.insert, () => this.#chooseCard(pin.value, fault), false);
    this.card.replaceChildren(
      title,
      make("div", { className: "row" }, [pin]),
      insert,
      muted(words.hint),
      fault,
    );
  }

  #item(text: string, act: () => void, closes = true): HTMLElement {
    return make("button", {
      className: "item",
      text,
      attributes: { type: "button", role: "menuitem" },
      onClick: () => {
        if (closes) this.#menu.close();
        act();
      },
    });
  }

  #chooseDisk(kind: "stick" | "cd"): void {
    chooseFiles(false, ([file]) => {
      if (file !== undefined) void this.#viewer.devices.attachDisk(file, kind);
    });
  }

  #changeDisc(id: number): void {
    chooseFiles(false, ([file]) => {
      if (file !== undefined) void this.#viewer.devices.changeDisc(id, file);
    });
  }

  async #choosePort(serial: NonNullable<PagePorts["serial"]>): Promise<void> {
    // Whoever chooses none is not told that there was none.
    const port = await serial.requestPort().catch(() => null);
    if (port !== null) await this.#viewer.devices.attachSerial(port);
  }

  /** Two files in whatever order. */
  #chooseCard(pin: string, fault: HTMLElement): void {
    chooseFiles(true, async ([first, second]) => {
      if (first === undefined || second === undefined) return;
      const { devices } = this.#viewer;
      try {
        await devices.insertCard(first, second, pin);
      } catch {
        await devices.insertCard(second, first, pin).catch((error: unknown) => {
          fault.textContent = error instanceof Error ? error.message : String(error);
        });
      }
    });
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
}

function muted(text: string): HTMLElement {
  return make("p", { className: "muted", text });
}

function chooseFiles(several: boolean, chosen: (files: readonly File[]) => void): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = several;
  input.addEventListener("change", () => chosen([...(input.files ?? [])]));
  input.click();
}

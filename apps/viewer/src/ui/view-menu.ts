// The menu of the view: size, displays, touch, pictures.

import type { TouchMode } from "../input/pointer-input.ts";
import type { Words } from "../locales/english.ts";
import { scalings } from "../screen/screen-layout.ts";
import type { SpiceViewer } from "../spice-viewer.ts";
import { make } from "./elements.ts";
import type { Menu } from "./menu.ts";

/** Displays that spice-server's video card can have. */
const displaysMax = 4;

export class ViewMenu {
  readonly #viewer: SpiceViewer;
  readonly #words: Words;
  readonly #menu: Menu;
  /** Items with what tells whether they are chosen. */
  readonly #choices = new Map<HTMLElement, () => boolean>();
  readonly #displays: HTMLElement;
  readonly #windows: HTMLElement;
  #windowCount = -1;

  constructor(menu: Menu, viewer: SpiceViewer, words: Words) {
    this.#menu = menu;
    this.#viewer = viewer;
    this.#words = words;
    const { element } = menu;
    for (const scaling of scalings) {
      this.#choice("menuitemradio", words.scaling[scaling] ?? scaling, {
        isChosen: () => viewer.scaling === scaling,
        choose: () => {
          viewer.scaling = scaling;
        },
      });
    }
    if (globalThis.devicePixelRatio > 1) {
      this.#choice("menuitemcheckbox", words.highDpi, {
        isChosen: () => viewer.highDpi,
        choose: () => {
          viewer.highDpi = !viewer.highDpi;
        },
      });
    }
    this.#displays = make("div");
    this.#windows = make("div");
    element.append(this.#displays);
    this.#fillDisplays();
    this.#displays.append(this.#windows);
    if (globalThis.matchMedia("(any-pointer: coarse)").matches) this.#fillTouch();
    this.#choice("menuitemcheckbox", words.viewOnly, {
      isChosen: () => viewer.viewOnly,
      choose: () => {
        viewer.viewOnly = !viewer.viewOnly;
      },
    });
    element.append(this.#item("menuitem", words.screenshot, () => void this.#savePicture()));
    this.update();
  }

  update(): void {
    for (const [item, isChosen] of this.#choices) {
      item.setAttribute("aria-checked", String(isChosen()));
    }
    const { screens, capabilities } = this.#viewer;
    this.#displays.hidden = !capabilities.agent && screens.length < 2;
    if (screens.length === this.#windowCount) return;
    this.#windowCount = screens.length;
    const items = screens.map((screen, index) => {
      return this.#item("menuitem", this.#words.newWindow(index + 1), () => {
        this.#viewer.openScreen(screen);
        this.#menu.close();
      });
    });
    this.#windows.replaceChildren(...(screens.length > 1 ? items : []));
  }

  #fillDisplays(): void {
    const words = this.#words;
    const chips = Array.from({ length: displaysMax }, (_, index) => {
      const count = index + 1;
      const chip = make("button", {
        className: "chip",
        text: String(count),
        attributes: {
          type: "button",
          role: "menuitemradio",
          "aria-label": words.displayCount(count),
        },
        onClick: () => {
          this.#viewer.displayCount = count;
          this.update();
        },
      });
      this.#choices.set(chip, () => this.#viewer.displayCount === count);
      return chip;
    });
    this.#displays.append(
      make("h3", { text: words.displays }),
      make("div", { className: "row" }, chips),
    );
  }

  #fillTouch(): void {
    const choices: readonly (readonly [mode: TouchMode, label: string])[] = [
      ["direct", this.#words.touchDirect],
      ["trackpad", this.#words.touchTrackpad],
    ];
    for (const [mode, label] of choices) {
      this.#choice("menuitemradio", label, {
        isChosen: () => this.#viewer.touchMode === mode,
        choose: () => {
          this.#viewer.touchMode = mode;
        },
      });
    }
  }

  #choice(
    role: "menuitemradio" | "menuitemcheckbox",
    label: string,
    { isChosen, choose }: { isChosen: () => boolean; choose: () => void },
  ): void {
    const item = this.#item(role, label, () => {
      choose();
      this.update();
    });
    this.#choices.set(item, isChosen);
    this.#menu.element.append(item);
  }

  #item(role: string, text: string, onClick: () => void): HTMLButtonElement {
    return make("button", {
      className: "item",
      text,
      attributes: { type: "button", role },
      onClick,
    });
  }

  async #savePicture(): Promise<void> {
    this.#menu.close();
    const blob = await this.#viewer.toBlob();
    if (blob === null) return;
    const link = make("a", { attributes: { download: fileName(this.#viewer.desktopName) } });
    link.href = URL.createObjectURL(blob);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}

function fileName(desktop: string): string {
  const name = desktop.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-") || "desktop";
  return `${name}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.png`;
}

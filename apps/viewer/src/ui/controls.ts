// The tool bar over the desktop: keys that browsers keep for themselves, the view, full screen,
// details, the way out. It steps back to a handle while nobody uses it.

import type { ClipboardSync } from "../clipboard/clipboard-sync.ts";
import type { StickyCode } from "../input/sticky-modifiers.ts";
import { stickyCodes } from "../input/sticky-modifiers.ts";
import type { ViewerInput } from "../input/viewer-input.ts";
import type { Words } from "../locales/english.ts";
import type { SpiceViewer } from "../spice-viewer.ts";
import { controlsStyle } from "./controls-style.ts";
import { icon, make } from "./elements.ts";
import type { Inspector } from "./inspector.ts";
import { Menu, stepOf } from "./menu.ts";
import { MicrophoneMenu } from "./microphone-menu.ts";
import { ShareMenu } from "./share-menu.ts";
import { adoptStyle } from "./style.ts";
import { ViewMenu } from "./view-menu.ts";

const icons = {
  keys: "M3 7h18v10H3zM7 11h.01M11 11h.01M15 11h.01M17 14h.01M7 14h.01M10 14h4",
  view: "M3 5h18v11H3zM9 20h6M12 16v4",
  onScreenKeyboard: "M3 4h18v10H3zM7 8h.01M11 8h.01M15 8h.01M9 11h6M12 17v4M9 19l3 2 3-2",
  share: "M12 3v11M8 7l4-4 4 4M5 12v8h14v-8",
  sound: "M4 10v4h4l5 4V6L8 10zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11",
  muted: "M4 10v4h4l5 4V6L8 10zM16 9l6 6M22 9l-6 6",
  microphone:
    "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM6 11a6 6 0 0 0 12 0M12 17v4M9 21h6",
  fullScreen: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  inspector: "M4 20V10M10 20V4M16 20v-7M22 20H2",
  disconnect: "M12 3v9M6.3 6.5a8 8 0 1 0 11.4 0",
} as const;

/** Combinations that a browser or its system would act on. */
const combinations: readonly (readonly [name: keyof Words["keysOf"], codes: string])[] = [
  ["ctrlAltDel", "ControlLeft AltLeft Delete"],
  ["ctrlAltBackspace", "ControlLeft AltLeft Backspace"],
  ["altTab", "AltLeft Tab"],
  ["altF4", "AltLeft F4"],
  ["ctrlEsc", "ControlLeft Escape"],
  ["super", "MetaLeft"],
  ["print", "PrintScreen"],
  ["escape", "Escape"],
  ["tab", "Tab"],
];

/** How long the bar stays without being used. */
const stayMs = 2500;

export class Controls {
  readonly #viewer: SpiceViewer;
  readonly #root: ShadowRoot;
  readonly #input: ViewerInput;
  readonly #clipboard: ClipboardSync;
  readonly #element: HTMLElement;
  #words: Words;
  #menus: Menu[] = [];
  #viewMenu: ViewMenu | null = null;
  #shareMenu: ShareMenu | null = null;
  #microphoneMenu: MicrophoneMenu | null = null;
  #chips = new Map<StickyCode, HTMLElement>();
  #tools: Partial<Record<keyof typeof icons, HTMLButtonElement>> = {};
  #inspector: Inspector | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    viewer: SpiceViewer,
    root: ShadowRoot,
    words: Words,
    input: ViewerInput,
    clipboard: ClipboardSync,
  ) {
    this.#viewer = viewer;
    this.#root = root;
    this.#input = input;
    this.#clipboard = clipboard;
    this.#words = words;
    adoptStyle(root, controlsStyle);
    this.#element = make("div", { className: "controls", part: "controls" });
    this.#element.addEventListener("pointerenter", (event) => {
      // A finger that opens the bar must not press what then is below it.
      if (event.pointerType === "mouse") this.#show();
    });
    this.#element.addEventListener("pointerleave", () => this.#hideSoon());
    this.#element.addEventListener("focusin", () => this.#show());
    this.#element.addEventListener("focusout", () => this.#hideSoon());
    root.append(this.#element);
    this.#build();
    this.#show();
    this.#hideSoon();
  }

  close(): void {
    this.#stopTimer();
    this.#element.remove();
    this.#inspector?.close();
  }

  set words(words: Words) {
    this.#words = words;
    this.#build();
    this.#inspector?.close();
    this.#inspector = null;
  }

  /** To the bar, for those who use the keyboard. */
  focus(): void {
    this.#show();
    this.#tools.keys?.focus();
  }

  /** Shows what has changed. */
  update(): void {
    const connected = this.#viewer.state.kind === "connected";
    for (const name of ["keys", "share", "onScreenKeyboard", "disconnect"] as const) {
      this.#tools[name]?.toggleAttribute("disabled", !connected);
    }
    const { fullScreen, onScreenKeyboard } = this.#tools;
    const isFull = document.fullscreenElement === this.#viewer;
    name(fullScreen, isFull ? this.#words.leaveFullScreen : this.#words.fullScreen);
    this.#updateSound();
    this.#tools.microphone?.toggleAttribute("hidden", !this.#viewer.microphone.isOffered);
    this.#microphoneMenu?.update();
    onScreenKeyboard?.setAttribute("aria-pressed", String(this.#viewer.onScreenKeyboard));
    for (const [code, chip] of this.#chips) {
      const state = this.#input.sticky.state(code);
      chip.dataset["state"] = state;
      chip.setAttribute("aria-checked", state === "once" ? "mixed" : String(state === "locked"));
    }
    this.#tools.inspector?.setAttribute("aria-pressed", String(this.#inspector !== null));
    this.#viewMenu?.update();
    this.#shareMenu?.update();
    this.#inspector?.update();
  }

  #updateSound(): void {
    const { muted, soundState } = this.#viewer;
    const { mute, unmute, soundBlocked } = this.#words;
    const tool = this.#tools.sound;
    const isBlocked = soundState === "blocked";
    name(tool, muted ? unmute : isBlocked ? soundBlocked : mute);
    // A desktop that plays nothing needs no button for it.
    tool?.toggleAttribute("hidden", soundState === "silent" && !muted);
    const picture = muted || isBlocked ? "muted" : "sound";
    // A picture that goes while it is pressed takes the click with it.
    if (tool === undefined || tool.dataset["picture"] === picture) return;
    tool.dataset["picture"] = picture;
    tool.replaceChildren(icon(icons[picture]));
  }

  #build(): void {
    const words = this.#words;
    const handle = make("button", {
      className: "handle",
      part: "handle",
      title: words.showToolbar,
      attributes: { type: "button", "aria-label": words.showToolbar },
      onClick: () => this.focus(),
    });
    const bar = make("div", {
      className: "bar",
      part: "toolbar",
      attributes: { role: "toolbar", "aria-label": words.toolbar },
    });
    this.#tools = {};
    this.#chips.clear();
    const keys = this.#tool(bar, "keys", words.keys, () => keysMenu.toggle());
    const view = this.#tool(bar, "view", words.view, () => viewMenu.toggle());
    const share = this.#tool(bar, "share", words.share.title, () => shareMenu.toggle());
    const isTouch = globalThis.matchMedia("(any-pointer: coarse)").matches;
    if (isTouch) {
      this.#tool(bar, "onScreenKeyboard", words.onScreenKeyboard, () => {
        this.#viewer.onScreenKeyboard = !this.#viewer.onScreenKeyboard;
      });
    }
    this.#tool(bar, "sound", words.mute, () => {
      this.#viewer.muted = !this.#viewer.muted;
    });
    const microphone = this.#tool(bar, "microphone", words.microphone.title, () => {
      microphoneMenu.toggle();
    });
    if (document.fullscreenEnabled) {
      this.#tool(bar, "fullScreen", words.fullScreen, () => {
        void this.#viewer.toggleFullscreen().catch(() => {});
      });
    }
    this.#tool(bar, "inspector", words.inspector, () => void this.#toggleInspector());
    this.#tool(bar, "disconnect", words.disconnect, () => this.#viewer.disconnect());
    bar.addEventListener("keydown", (event) => this.#walk(bar, event));

    const keysMenu = new Menu(keys, words.keys, () => this.#menuChanged(keysMenu));
    this.#fillKeys(keysMenu);
    const viewMenu = new Menu(view, words.view, () => this.#menuChanged(viewMenu));
    this.#viewMenu = new ViewMenu(viewMenu, this.#viewer, words);
    const shareMenu = new Menu(share, words.share.title, () => this.#menuChanged(shareMenu));
    this.#shareMenu = new ShareMenu(shareMenu, this.#viewer, this.#clipboard, words);
    const heading = words.microphone.title;
    const microphoneMenu = new Menu(microphone, heading, () => this.#menuChanged(microphoneMenu));
    this.#microphoneMenu = new MicrophoneMenu(microphoneMenu, this.#viewer.microphone, words);
    this.#menus = [keysMenu, viewMenu, shareMenu, microphoneMenu];
    this.#element.replaceChildren(handle, bar, ...this.#menus.map(({ element }) => element));
    this.update();
  }

  #tool(
    bar: HTMLElement,
    which: keyof typeof icons,
    label: string,
    onClick: () => void,
  ): HTMLButtonElement {
    const tool = make("button", { className: "tool", attributes: { type: "button" }, onClick });
    name(tool, label);
    // One stop for the Tab key; arrows go on from there.
    tool.tabIndex = bar.childElementCount === 0 ? 0 : -1;
    tool.append(icon(icons[which]));
    bar.append(tool);
    this.#tools[which] = tool;
    return tool;
  }

  #fillKeys(menu: Menu): void {
    const words = this.#words;
    const send = (codes: readonly string[]) => {
      this.#viewer.sendKeys(codes);
      menu.close();
      this.#viewer.focus();
    };
    for (const [key, codes] of combinations) {
      const item = make("button", {
        className: "item",
        text: String(words.keysOf[key]),
        attributes: { type: "button", role: "menuitem" },
        onClick: () => send(codes.split(" ")),
      });
      menu.element.append(item);
    }
    const consoles = Array.from({ length: 12 }, (_, index) => {
      const key = `F${index + 1}`;
      return make("button", {
        className: "chip",
        text: key,
        attributes: { type: "button", role: "menuitem", "aria-label": `Ctrl+Alt+${key}` },
        onClick: () => send(["ControlLeft", "AltLeft", key]),
      });
    });
    const sticky = stickyCodes.map((code) => {
      const chip = make("button", {
        className: "chip",
        text: words.modifiers[code] ?? code,
        attributes: { type: "button", role: "menuitemcheckbox" },
        onClick: () => this.#input.sticky.toggle(code),
      });
      this.#chips.set(code, chip);
      return chip;
    });
    menu.element.append(
      make("h3", { text: `${words.keysOf.consoles} (Ctrl+Alt+F1…F12)` }),
      make("div", { className: "row" }, consoles),
      make("h3", { text: words.keysOf.holdNext }),
      make("div", { className: "row" }, sticky),
    );
  }

  #walk(bar: HTMLElement, event: KeyboardEvent): void {
    const tools = [...bar.querySelectorAll<HTMLButtonElement>("button:not([disabled])")];
    const at = tools.indexOf(this.#root.activeElement as HTMLButtonElement);
    if (event.key === "ArrowDown" && tools[at]?.ariaExpanded !== null) return;
    const to = stepOf(event.key, at, tools.length);
    if (to === null) return;
    event.preventDefault();
    tools[to]?.focus();
  }

  #menuChanged(changed: Menu): void {
    if (changed.isOpen) for (const menu of this.#menus) if (menu !== changed) menu.close();
    this.update();
  }

  async #toggleInspector(): Promise<void> {
    if (this.#inspector !== null) {
      this.#inspector.close();
      this.#inspector = null;
    } else {
      const { Inspector } = await import("./inspector.ts");
      this.#inspector ??= new Inspector(this.#viewer, this.#root, this.#words, () => {
        this.#inspector = null;
        this.update();
      });
    }
    this.update();
  }

  #show(): void {
    this.#stopTimer();
    this.#element.dataset["open"] = "true";
  }

  #hideSoon(): void {
    this.#stopTimer();
    this.#timer = setTimeout(() => {
      const isUsed = this.#element.matches(":focus-within, :hover");
      if (isUsed || this.#menus.some((menu) => menu.isOpen)) this.#hideSoon();
      else this.#element.dataset["open"] = "false";
    }, stayMs);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

function name(tool: HTMLElement | undefined, label: string): void {
  tool?.setAttribute("aria-label", label);
  tool?.setAttribute("title", label);
}

// A port of the guest's as a terminal over the desktop. It comes in a chunk of its own, terminal and
// all, when it is opened for the first time.

import { Terminal } from "@xterm/xterm";
import type { GuestPort } from "../devices/guest-port.ts";
import type { Words } from "../locales/english.ts";
import { consoleStyle } from "./console-style.ts";
import { button, make } from "./elements.ts";
import { adoptStyle } from "./style.ts";

/** What a serial line says of its terminal's size is nothing; this is what all assume. */
const [columns, rows] = [80, 24];
const [fontSize, fontSizeMin] = [14, 7];

export class ConsolePanel {
  readonly #words: Words;
  readonly #terminal: Terminal;
  readonly #panel: HTMLElement;
  readonly #state: HTMLElement;
  readonly #onClose: () => void;
  #port: GuestPort;

  constructor(root: ShadowRoot, port: GuestPort, words: Words, onClose: () => void) {
    this.#words = words;
    this.#port = port;
    this.#onClose = onClose;
    adoptStyle(root, consoleStyle);
    this.#state = make("span", { className: "muted", attributes: { role: "status" } });
    const place = make("div", { className: "terminal" });
    this.#panel = make(
      "section",
      {
        className: "console",
        part: "console",
        attributes: { "aria-label": `${words.console.title} ${port.name}` },
      },
      [
        make("header", {}, [
          make("h2", { text: port.name }),
          this.#state,
          button(words.console.sendBreak, () => {
            this.#port.sendBreak();
            this.#terminal.focus();
          }),
          button(words.close, () => this.close()),
        ]),
        place,
      ],
    );
    // What is typed here is not for the desktop.
    for (const type of ["keydown", "keyup", "keypress", "paste"]) {
      this.#panel.addEventListener(type, (event) => event.stopPropagation());
    }
    root.append(this.#panel);
    this.#terminal = new Terminal({
      cols: columns,
      rows,
      fontSize: fontSizeFor(root.host.clientWidth),
      cursorBlink: true,
      scrollback: 5000,
      documentOverride: documentFor(root),
      theme: { background: "#11151c", foreground: "#e5e7eb" },
    });
    const encoder = new TextEncoder();
    this.#terminal.onData((text) => this.#port.write(encoder.encode(text)));
    this.#terminal.onBinary((text) => {
      this.#port.write(Uint8Array.from(text, (char) => char.charCodeAt(0)));
    });
    this.#terminal.open(place);
    this.#open();
    this.#terminal.focus();
  }

  close(): void {
    if (!this.#panel.isConnected) return;
    this.#port.close();
    this.#panel.remove();
    this.#terminal.dispose();
    this.#onClose();
  }

  /** After a reconnection the port is there again under its name. */
  portCame(ports: readonly GuestPort[]): void {
    if (!this.#port.isClosed) return;
    const again = ports.find(({ name }) => name === this.#port.name);
    if (again === undefined) return;
    this.#port = again;
    this.#open();
  }

  #open(): void {
    const port = this.#port;
    port.open({
      data: (bytes) => {
        this.#terminal.write(bytes, () => port.taken(bytes.length));
      },
      changed: () => this.#tellState(),
    });
    this.#tellState();
  }

  #tellState(): void {
    const { closed, nobody } = this.#words.console;
    const { isClosed, isGuestOpen } = this.#port;
    this.#state.textContent = isClosed ? closed : isGuestOpen ? "" : nobody;
  }
}

function fontSizeFor(width: number): number {
  // A character is about three fifths as wide as it is high.
  return Math.max(fontSizeMin, Math.min(fontSize, Math.floor((width - 48) / (columns * 0.62))));
}

/**
 * The terminal writes style sheets into elements, which a strict security policy forbids; here they
 * become sheets that the root adopts, which no policy has a word against.
 */
function documentFor(root: ShadowRoot): Document {
  const page = root.ownerDocument;
  const createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const element = page.createElement(name, options);
    if (name !== "style") return element;
    const sheet = new CSSStyleSheet();
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    Object.defineProperty(element, "textContent", {
      set: (text: string) => sheet.replaceSync(text),
    });
    element.remove = () => {
      Element.prototype.remove.call(element);
      root.adoptedStyleSheets = root.adoptedStyleSheets.filter((other) => other !== sheet);
    };
    return element;
  };
  return new Proxy(page, {
    get(target, key) {
      if (key === "createElement") return createElement;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

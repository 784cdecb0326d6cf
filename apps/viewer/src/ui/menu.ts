// A menu below a button of the tool bar: opened and closed, and walked through with the arrow keys.

import { make } from "./elements.ts";

/** Opens below `opener`, which says so to assistive technology. */
export class Menu {
  readonly element: HTMLElement;
  readonly #opener: HTMLElement;
  readonly #onChange: () => void;

  constructor(opener: HTMLElement, label: string, onChange: () => void) {
    this.#opener = opener;
    this.#onChange = onChange;
    this.element = make("div", {
      className: "menu",
      part: "menu",
      attributes: { role: "menu", "aria-label": label },
    });
    this.element.hidden = true;
    this.element.addEventListener("keydown", (event) => this.#walk(event));
    opener.setAttribute("aria-haspopup", "menu");
    opener.setAttribute("aria-expanded", "false");
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  toggle(): void {
    if (this.isOpen) this.close();
    else this.open();
  }

  open(): void {
    this.element.hidden = false;
    this.#opener.setAttribute("aria-expanded", "true");
    this.#onChange();
    this.#items[0]?.focus();
  }

  close(): void {
    if (!this.isOpen) return;
    const hadFocus = this.element.matches(":focus-within");
    this.element.hidden = true;
    this.#opener.setAttribute("aria-expanded", "false");
    if (hadFocus) this.#opener.focus();
    this.#onChange();
  }

  get #items(): HTMLElement[] {
    return [...this.element.querySelectorAll<HTMLElement>("button")].filter(
      ({ hidden }) => !hidden,
    );
  }

  #walk(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
      return;
    }
    const items = this.#items;
    const root = this.element.getRootNode() as ShadowRoot;
    const at = items.indexOf(root.activeElement as HTMLElement);
    const to = stepOf(event.key, at, items.length);
    if (to === null) return;
    event.preventDefault();
    items[to]?.focus();
  }
}

/** Where an arrow key leads to; null for other keys. */
export function stepOf(key: string, at: number, count: number): number | null {
  switch (key) {
    case "ArrowDown":
    case "ArrowRight":
      return (at + 1) % count;
    case "ArrowUp":
    case "ArrowLeft":
      return (at - 1 + count) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}

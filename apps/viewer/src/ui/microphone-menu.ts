// The menu of the microphone: off, the browser's own or another one, and how loud it is.

import type { Words } from "../locales/english.ts";
import type { ViewerMicrophone } from "../viewer-sound.ts";
import { make } from "./elements.ts";
import type { Menu } from "./menu.ts";

const levelEachMs = 80;

export class MicrophoneMenu {
  readonly #microphone: ViewerMicrophone;
  readonly #words: Words["microphone"];
  readonly #menu: Menu;
  readonly #items = make("div");
  readonly #level: HTMLElement;
  readonly #state = make("p", { className: "muted", attributes: { role: "status" } });
  #chosen: string | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(menu: Menu, microphone: ViewerMicrophone, words: Words) {
    this.#menu = menu;
    this.#microphone = microphone;
    this.#words = words.microphone;
    this.#level = make("meter", {
      attributes: { min: "0", max: "1", "aria-label": this.#words.level },
    });
    menu.element.append(this.#items, this.#level, this.#state);
    void this.#fill();
  }

  /** Called with every change of the viewer, and of the menu. */
  update(): void {
    const { state } = this.#microphone;
    this.#state.textContent = this.#words.states[state];
    this.#level.hidden = state !== "on";
    if (this.#menu.isOpen && this.#timer === null) {
      void this.#fill();
      this.#timer = setInterval(() => this.#showLevel(), levelEachMs);
    } else if (!this.#menu.isOpen && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    this.#mark();
  }

  #showLevel(): void {
    this.#level.setAttribute("value", this.#microphone.level.toFixed(2));
  }

  /** Names are told when the user has allowed one. */
  async #fill(): Promise<void> {
    const choices = await this.#microphone.choices();
    const named = choices.filter(({ id, label }) => id !== "" && label !== "");
    const items = [
      this.#item(this.#words.off, "off", () => this.#microphone.turnOff()),
      this.#item(this.#words.own, "", () => void this.#use(null)),
      ...named.map(({ id, label }) => this.#item(label, id, () => void this.#use(id))),
    ];
    this.#items.replaceChildren(...items);
    this.#mark();
  }

  #item(text: string, choice: string, onClick: () => void): HTMLElement {
    const attributes = { type: "button", role: "menuitemradio", "data-choice": choice };
    return make("button", { className: "item", text, attributes, onClick });
  }

  #mark(): void {
    const isOff = this.#microphone.state === "off" || this.#microphone.state === "refused";
    const chosen = isOff ? "off" : (this.#chosen ?? "");
    for (const item of this.#items.querySelectorAll("button")) {
      item.setAttribute("aria-checked", String(item.dataset["choice"] === chosen));
    }
  }

  async #use(id: string | null): Promise<void> {
    this.#chosen = id;
    await this.#microphone.turnOn(id);
    await this.#fill();
  }
}

// What the user reads about the session: a line over the picture while all is well enough to go on,
// and a card before it when there is something to wait for or to do.

import { type PlainError, sharedTime } from "@caraway/browser";
import type { Credentials } from "@caraway/driver";
import type { Words } from "../locales/english.ts";
import type { Move, ViewerState } from "../session/viewer-state.ts";
import { button, make } from "./elements.ts";

export interface StatusListener {
  retry(): void;
  cancelRetry(): void;
  credentials(credentials: Credentials): void;
}

/** How long a hint about keyboard or mouse is shown. */
const hintMs = 4000;

export class StatusView {
  /** The line; a live region, so that it is read aloud without taking the focus. */
  readonly line: HTMLElement;
  readonly card: HTMLElement;
  readonly #listener: StatusListener;
  #words: Words;
  #state: ViewerState = { kind: "idle" };
  #hasPainted = false;
  #isClear = false;
  #hint: string | null = null;
  #hintTimer: ReturnType<typeof setTimeout> | null = null;
  #countdown: ReturnType<typeof setInterval> | null = null;

  constructor(words: Words, listener: StatusListener) {
    this.#words = words;
    this.#listener = listener;
    this.line = make("div", {
      className: "line",
      part: "status",
      attributes: { role: "status", "aria-live": "polite" },
    });
    this.card = make("div", { className: "cover", part: "cover" });
    this.#render();
  }

  close(): void {
    this.#stopCountdown();
    if (this.#hintTimer !== null) clearTimeout(this.#hintTimer);
  }

  set words(words: Words) {
    this.#words = words;
    this.#render();
  }

  /** `hasPainted`: this session's picture is there. `isClear`: a picture is seen behind the card. */
  show(state: ViewerState, hasPainted: boolean, isClear: boolean): void {
    this.#state = state;
    this.#hasPainted = hasPainted;
    this.#isClear = isClear;
    this.#render();
  }

  /** A short hint about keyboard or mouse. */
  hint(text: string): void {
    this.#hint = text;
    if (this.#hintTimer !== null) clearTimeout(this.#hintTimer);
    this.#hintTimer = setTimeout(() => {
      this.#hint = null;
      this.#renderLine();
    }, hintMs);
    this.#renderLine();
  }

  #render(): void {
    this.#renderLine();
    this.#stopCountdown();
    this.card.replaceChildren();
    const card = this.#cardFor(this.#state);
    this.card.hidden = card === null;
    this.card.dataset["clear"] = String(this.#isClear);
    if (card !== null) this.card.append(card);
  }

  #renderLine(): void {
    const [text, tone] = this.#lineFor(this.#state);
    this.line.textContent = text;
    this.line.dataset["tone"] = tone;
    this.line.hidden = text === "";
  }

  #lineFor(state: ViewerState): [text: string, tone: string] {
    if (state.kind !== "connected") return ["", "quiet"];
    if (state.move !== null) return this.#moveText(state.move);
    if (this.#hint !== null) return [this.#hint, "quiet"];
    return state.slow ? [this.#words.slow, "warning"] : ["", "quiet"];
  }

  #moveText({ phase, target }: Move): [text: string, tone: string] {
    const words = this.#words;
    switch (phase) {
      case "announced":
        return [words.moving, "busy"];
      case "switching":
        return [words.switching, "busy"];
      case "reconnecting":
        return [words.reconnectingMove, "warning"];
      case "done":
        return [words.moved(target), "good"];
      case "cancelled":
        return [words.moveCancelled, "quiet"];
    }
  }

  #cardFor(state: ViewerState): HTMLElement | null {
    const words = this.#words;
    switch (state.kind) {
      case "idle":
        return null;
      case "connected":
        return this.#hasPainted ? null : this.#busy(words.waitingPicture);
      case "connecting": {
        const { attempt } = state;
        return this.#busy(attempt === 1 ? words.connecting : words.connectingAgain(attempt));
      }
      case "waiting":
        return this.#waiting(state.retryAt, state.error);
      case "credentials":
        return this.#login(state.needs, state.refused);
      case "ended":
        return this.#ended(state.error, state.wasConnected);
    }
  }

  #busy(text: string): HTMLElement {
    return make("div", { className: "card busy", attributes: { role: "status" } }, [
      make("span", { className: "spinner", attributes: { "aria-hidden": "true" } }),
      make("p", { text }),
    ]);
  }

  #waiting(retryAt: number, error: PlainError): HTMLElement {
    const words = this.#words;
    const count = make("p", { className: "count", attributes: { role: "timer" } });
    const tell = () => {
      const seconds = Math.max(0, Math.ceil((retryAt - sharedTime()) / 1000));
      count.textContent = words.retryIn(seconds);
    };
    tell();
    this.#countdown = setInterval(tell, 250);
    return make("div", { className: "card", attributes: { role: "alert" } }, [
      make("h2", { text: words.lostTitle }),
      make("p", { text: this.#advice(error) }),
      count,
      make("div", { className: "buttons" }, [
        button(words.retryNow, () => this.#listener.retry(), "button main"),
        button(words.cancel, () => this.#listener.cancelRetry()),
      ]),
      this.#details(error),
    ]);
  }

  #ended(error: PlainError | null, wasConnected: boolean): HTMLElement {
    const words = this.#words;
    const title = error !== null && !wasConnected ? words.failedTitle : words.endedTitle;
    return make("div", { className: "card", attributes: { role: "alert" } }, [
      make("h2", { text: title }),
      make("p", { text: error === null ? words.endedByUser : this.#advice(error) }),
      make("div", { className: "buttons" }, [
        button(words.connectAgain, () => this.#listener.retry(), "button main"),
      ]),
      error === null ? null : this.#details(error),
    ]);
  }

  #login(needs: readonly string[], refused: boolean): HTMLElement {
    const words = this.#words;
    const username = field(words.username, "text", "username");
    const password = field(words.password, "password", "current-password");
    const wantsName = needs.includes("username");
    const form = make("form", { className: "card" }, [
      make("h2", { text: words.loginTitle }),
      refused
        ? make("p", {
            className: "refused",
            text: words.loginRefused,
            attributes: { role: "alert" },
          })
        : null,
      wantsName ? username.label : null,
      password.label,
      make("div", { className: "buttons" }, [
        make("button", { className: "button main", text: words.login }),
      ]),
    ]);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#listener.credentials({
        ...(wantsName && { username: username.input.value }),
        password: password.input.value,
      });
    });
    const first = wantsName ? username.input : password.input;
    queueMicrotask(() => first.focus());
    return form;
  }

  #advice({ code }: PlainError): string {
    return this.#words.errors[code] ?? this.#words.errorOther;
  }

  #details({ code, message }: PlainError): HTMLElement {
    return make("details", {}, [
      make("summary", { text: this.#words.details }),
      make("p", { className: "detail", text: `${message} [${code}]` }),
    ]);
  }

  #stopCountdown(): void {
    if (this.#countdown !== null) clearInterval(this.#countdown);
    this.#countdown = null;
  }
}

function field(text: string, type: string, autocomplete: string) {
  const input = make("input", { attributes: { type, autocomplete } });
  const label = make("label", {}, [make("span", { text }), input]);
  return { label, input };
}

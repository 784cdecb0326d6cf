// The files that are on their way to the guest, as the user sees them: progress, a way to cancel,
// and what went wrong, in words.

import type { Words } from "../locales/english.ts";
import { make } from "../ui/elements.ts";
import { type FileTransfer, isOver } from "./file-sending.ts";

export interface TransferListActions {
  cancel(key: number): void;
  forget(key: number): void;
}

interface Row {
  readonly element: HTMLElement;
  readonly status: HTMLElement;
  readonly bar: HTMLProgressElement;
  readonly button: HTMLButtonElement;
}

/** How long it is said that a file has arrived. */
const doneMs = 4000;

export class TransferList {
  readonly element: HTMLElement;
  readonly #actions: TransferListActions;
  readonly #rows = new Map<number, Row>();
  #transfers: readonly FileTransfer[] = [];
  #words: Words;

  constructor(words: Words, actions: TransferListActions) {
    this.#words = words;
    this.#actions = actions;
    this.element = make("div", {
      className: "transfers",
      part: "transfers",
      attributes: { role: "status", "aria-live": "polite" },
    });
    this.element.hidden = true;
  }

  set words(words: Words) {
    this.#words = words;
    for (const row of this.#rows.values()) row.element.remove();
    this.#rows.clear();
    this.show(this.#transfers);
  }

  show(transfers: readonly FileTransfer[]): void {
    this.#transfers = transfers;
    const keys = new Set(transfers.map(({ key }) => key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    for (const transfer of transfers) this.#showOne(transfer);
    this.element.hidden = transfers.length === 0;
  }

  #showOne(transfer: FileTransfer): void {
    const row = this.#rows.get(transfer.key) ?? this.#add(transfer);
    const { phase, sentBytes, size } = transfer;
    row.element.dataset["phase"] = phase;
    row.bar.value = size === 0 ? 1 : sentBytes / size;
    row.bar.hidden = isOver(transfer);
    const status = this.#statusOf(transfer);
    if (row.status.textContent !== status) row.status.textContent = status;
    const label = isOver(transfer) ? this.#words.close : this.#words.cancel;
    row.button.setAttribute("aria-label", `${label}: ${transfer.name}`);
    row.button.title = label;
  }

  #add(transfer: FileTransfer): Row {
    const { key, name } = transfer;
    const status = make("span", { className: "muted" });
    const bar = make("progress", { attributes: { max: "1", "aria-label": name } });
    const button = make("button", {
      className: "dismiss",
      text: "\u00d7",
      attributes: { type: "button" },
      onClick: () => {
        const now = this.#transfers.find((other) => other.key === key);
        if (now !== undefined && isOver(now)) this.#actions.forget(key);
        else this.#actions.cancel(key);
      },
    });
    const text = make("div", { className: "about" }, [make("span", { text: name }), status, bar]);
    const element = make("div", { className: "transfer" }, [text, button]);
    this.element.append(element);
    const row = { element, status, bar, button };
    this.#rows.set(key, row);
    return row;
  }

  #statusOf(transfer: FileTransfer): string {
    const { phase, sentBytes, size, error, key } = transfer;
    const words = this.#words.files;
    switch (phase) {
      case "waiting":
        return words.waiting;
      case "sending":
        return words.sent(sizeText(sentBytes), sizeText(size));
      case "done":
        setTimeout(() => this.#actions.forget(key), doneMs);
        return words.done;
      case "failed":
        return words.errors[error?.code ?? ""] ?? error?.message ?? words.failed;
    }
  }
}

export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

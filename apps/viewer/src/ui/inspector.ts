// Details of the connection: channels, images, rates, answer time, and the moves of the desktop.

import { type Statistics, sharedTime } from "@caraway/browser";
import type { Words } from "../locales/english.ts";
import { type MigrationRecord, pictureGapMs } from "../session/timeline.ts";
import type { SpiceViewer } from "../spice-viewer.ts";
import { button, make } from "./elements.ts";
import { missingList } from "./missing-list.ts";
import { duration, timelineChart } from "./timeline-chart.ts";

/** Rates are those of the newest moments. */
const rateWindowMs = 3000;

export class Inspector {
  readonly #viewer: SpiceViewer;
  readonly #words: Words;
  readonly #panel: HTMLElement;
  readonly #figures: HTMLElement;
  readonly #moves: HTMLElement;
  readonly #missing: HTMLElement;
  readonly #onClose: () => void;
  #history: Statistics[] = [];
  #movesText = "";

  constructor(viewer: SpiceViewer, root: ShadowRoot, words: Words, onClose: () => void) {
    this.#viewer = viewer;
    this.#words = words;
    this.#onClose = onClose;
    this.#figures = make("div");
    this.#moves = make("div");
    this.#missing = make("div");
    this.#panel = make(
      "section",
      { className: "panel", part: "inspector", attributes: { "aria-label": words.inspector } },
      [
        make("header", {}, [
          make("h2", { text: words.inspector }),
          button(words.close, () => this.close()),
        ]),
        this.#figures,
        make("h3", { text: words.inspect.migrations }),
        this.#moves,
        this.#missing,
      ],
    );
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    root.append(this.#panel);
    this.#panel.querySelector("button")?.focus();
    this.update();
  }

  close(): void {
    if (!this.#panel.isConnected) return;
    this.#panel.remove();
    this.#onClose();
  }

  update(): void {
    const { statistics } = this.#viewer;
    if (statistics !== null && statistics !== this.#history.at(-1)) {
      // A new session counts from the beginning.
      const last = this.#history.at(-1);
      if (last !== undefined && statistics.frames < last.frames) this.#history = [];
      this.#history = [...this.#history, statistics].filter(
        ({ at }) => at >= statistics.at - rateWindowMs,
      );
      this.#showFigures(statistics);
      this.#showMissing(statistics.hasKernels);
    }
    this.#showMoves();
  }

  /** Once: reading it must not be disturbed. Whether the fast decoders run is known by then. */
  #showMissing(hasKernels: boolean): void {
    if (this.#missing.childElementCount > 0) return;
    const { title } = this.#words.missing;
    const list = missingList(this.#words, hasKernels);
    if (list.length > 0) this.#missing.replaceChildren(make("h3", { text: title }), ...list);
  }

  #showFigures(now: Statistics): void {
    const words = this.#words.inspect;
    const before = this.#history[0] ?? now;
    const seconds = Math.max(0.001, (now.at - before.at) / 1000);
    const isFresh = now === before;
    const rate = (count: number) => (isFresh ? words.unknown : (count / seconds).toFixed(1));
    const place = this.#viewer.placement === "worker" ? words.worker : words.page;
    const decoders = now.hasKernels ? words.fastDecoders : words.plainDecoders;
    const facts: [string, string][] = [
      [words.latency, now.latencyMs === null ? words.unknown : duration(now.latencyMs)],
      [words.frames, rate(now.frames - before.frames)],
      [words.waiting, String(now.waiting)],
      [words.threads, `${now.decodeThreads}, ${decoders}`],
      [words.runsIn, place],
    ];
    this.#figures.replaceChildren(
      make(
        "dl",
        {},
        facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]),
      ),
      make("h3", { text: words.channels }),
      table(
        [words.channel, words.received, words.perSecond, words.sent],
        now.channels.map(({ label, bytesIn, bytesOut }) => {
          const past = before.channels.find((channel) => channel.label === label)?.bytesIn ?? 0;
          const speed = isFresh ? words.unknown : bytes((bytesIn - past) / seconds);
          return [label, bytes(bytesIn), speed, bytes(bytesOut)];
        }),
      ),
      make("h3", { text: words.codecs }),
      table(
        [words.codec, words.count, words.size, words.decoding],
        Object.entries(now.codecs).map(([name, { images, bytes: size, decodeMs }]) => {
          const time = decodeMs === 0 ? words.unknown : duration(decodeMs);
          return [name, String(images), size === 0 ? words.unknown : bytes(size), time];
        }),
      ),
    );
  }

  #showMoves(): void {
    const { migrations } = this.#viewer;
    const text = JSON.stringify(migrations);
    if (text === this.#movesText) return;
    this.#movesText = text;
    const newestFirst = migrations.toReversed().map((record) => this.#move(record));
    const none = make("p", { text: this.#words.inspect.noMigrations });
    this.#moves.replaceChildren(...(newestFirst.length === 0 ? [none] : newestFirst));
  }

  #move(record: MigrationRecord): HTMLElement {
    const words = this.#words.inspect;
    const gap = pictureGapMs(record);
    const facts: [string, string][] = [
      [words.mode, `${record.mode}, ${words.outcome[record.outcome] ?? record.outcome}`],
      ...record.channels.map(({ label, outcome, dataSize }): [string, string] => {
        const size = dataSize === 0 ? "" : `, ${bytes(dataSize)}`;
        return [label, `${words.channelOutcome[outcome] ?? outcome}${size}`];
      }),
      [words.heldInputs, String(record.heldInputs)],
      [words.pictureGap, gap === null ? words.unknown : duration(gap)],
    ];
    const legend = [
      ["linking", words.linking],
      ["ready", words.ready],
      ["switching", words.switchOver],
    ] as const;
    return make("article", { className: "move" }, [
      make("strong", { text: record.target }),
      timelineChart(record, this.#words, sharedTime()),
      make(
        "div",
        { className: "legend" },
        legend.map(([className, label]) => make("span", { className, text: label })),
      ),
      make(
        "dl",
        {},
        facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]),
      ),
    ]);
  }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  return make("table", {}, [
    make("thead", {}, [
      make(
        "tr",
        {},
        head.map((text) => make("th", { text, attributes: { scope: "col" } })),
      ),
    ]),
    make(
      "tbody",
      {},
      rows.map((row) => {
        return make(
          "tr",
          {},
          row.map((text) => make("td", { text })),
        );
      }),
    ),
  ]);
}

export function bytes(count: number): string {
  if (count < 1024) return `${Math.round(count)} B`;
  if (count < 1 << 20) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / (1 << 20)).toFixed(1)} MiB`;
}

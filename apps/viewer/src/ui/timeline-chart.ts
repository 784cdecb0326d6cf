// The course of one move as a chart: the links to the target, the wait, the change of hosts; below
// it each channel, and for how long the picture stood.

import type { Words } from "../locales/english.ts";
import { type MigrationRecord, pictureGapMs } from "../session/timeline.ts";

const svgName = "http://www.w3.org/2000/svg";
const width = 440;
const labelWidth = 92;
const rowHeight = 20;
const barHeight = 12;

interface Span {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
}

export function timelineChart(record: MigrationRecord, words: Words, now: number): SVGSVGElement {
  const end = endOf(record, now);
  const scale = (at: number) =>
    labelWidth +
    ((at - record.beganAt) / Math.max(1, end - record.beganAt)) * (width - labelWidth - 8);
  const rows: { label: string; spans: Span[] }[] = [
    { label: words.inspect.migrations, spans: phases(record, end) },
    ...record.channels.map(({ label, at, outcome }) => {
      const from = record.switchingAt ?? record.beganAt;
      return { label, spans: [{ from, to: at, kind: outcome }] };
    }),
  ];
  const gap = pictureGapMs(record);
  const height = (rows.length + (gap === null ? 0 : 1)) * rowHeight + 24;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img" });
  chart.append(withText("title", `${words.inspect.chart}: ${record.target}`));
  drawAxis(chart, record, end, scale, height - 20);
  rows.forEach(({ label, spans }, index) => {
    const top = index * rowHeight;
    chart.append(withText("text", label, { x: "0", y: String(top + barHeight) }));
    for (const span of spans) chart.append(bar(span, scale, top));
  });
  for (const { at } of record.linkTroubles) {
    chart.append(svg("circle", { cx: String(scale(at)), cy: "8", r: "4", class: "trouble" }));
  }
  if (gap !== null) drawGap(chart, record, words, scale, rows.length * rowHeight);
  return chart;
}

function endOf(record: MigrationRecord, now: number): number {
  const known = [record.endedAt, record.firstPaintedAt, ...record.channels.map(({ at }) => at)];
  const latest = Math.max(...known.map((at) => at ?? 0), record.beganAt + 1);
  return record.outcome === "running" ? Math.max(latest, now) : latest;
}

function phases(record: MigrationRecord, end: number): Span[] {
  const { beganAt, readyAt, switchingAt } = record;
  const linked = readyAt ?? switchingAt ?? end;
  const spans: Span[] = [{ from: beganAt, to: linked, kind: "linking" }];
  if (readyAt !== null) spans.push({ from: readyAt, to: switchingAt ?? end, kind: "ready" });
  if (switchingAt !== null) {
    spans.push({ from: switchingAt, to: record.endedAt ?? end, kind: "switching" });
  }
  return spans;
}

function drawAxis(
  chart: SVGSVGElement,
  { beganAt }: MigrationRecord,
  end: number,
  scale: (at: number) => number,
  bottom: number,
): void {
  const step = niceStep((end - beganAt) / 4);
  for (let at = 0; at <= end - beganAt; at += step) {
    const x = String(scale(beganAt + at));
    chart.append(svg("line", { x1: x, x2: x, y1: "0", y2: String(bottom), class: "grid" }));
    const label = { x, y: String(bottom + 12), class: "axis", "text-anchor": "middle" };
    chart.append(withText("text", duration(at), label));
  }
}

function drawGap(
  chart: SVGSVGElement,
  record: MigrationRecord,
  words: Words,
  scale: (at: number) => number,
  top: number,
): void {
  const { lastPaintedAt, switchingAt, firstPaintedAt } = record;
  if (switchingAt === null || firstPaintedAt === null) return;
  const from = scale(Math.max(record.beganAt, Math.min(lastPaintedAt ?? switchingAt, switchingAt)));
  const to = scale(firstPaintedAt);
  const y = top + barHeight / 2;
  const path = `M${from} ${y - 4}v8M${from} ${y}H${to}M${to} ${y - 4}v8`;
  chart.append(withText("text", words.inspect.pictureGap, { x: "0", y: String(top + barHeight) }));
  chart.append(svg("path", { d: path, class: "gap" }));
}

function bar({ from, to, kind }: Span, scale: (at: number) => number, top: number): SVGElement {
  const [left, right] = [scale(from), scale(to)];
  return svg("rect", {
    x: String(left),
    y: String(top + 2),
    width: String(Math.max(2, right - left)),
    height: String(barHeight),
    rx: "2",
    class: kind,
  });
}

function niceStep(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, ms)));
  const factor = [1, 2, 5, 10].find((each) => each * power >= ms) ?? 10;
  return factor * power;
}

export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>> = {},
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(svgName, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function withText(
  name: "text" | "title",
  text: string,
  attributes: Readonly<Record<string, string>> = {},
): SVGElement {
  const element = svg(name, attributes);
  element.textContent = text;
  return element;
}

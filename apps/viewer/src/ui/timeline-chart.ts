// The course of one move as a chart: the links to the target, the wait, the change of hosts; below
// it the guest, where hosts tell of it, each channel, and for how long the picture stood.

import type { Words } from "../locales/english.ts";
import {
  type GuestCourse,
  type MigrationRecord,
  pictureGapMs,
  pictureStoodFrom,
} from "../session/timeline.ts";

const svgName = "http://www.w3.org/2000/svg";
const labelWidth = 84;
const rowHeight = 20;
const barHeight = 12;
const axisHeight = 24;
/** For the label of the last line of the grid. */
const rightSpace = 16;

interface Span {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
}

/** Where a time stands across the chart. */
type Scale = (at: number) => number;

export interface ChartOptions {
  /** Where the embedder knows the hosts. */
  readonly guest?: GuestCourse | null;
  /** In pixels where it is not scaled. */
  readonly width?: number;
}

/** A line of the chart's lower part. */
interface Row {
  readonly label: string;
  readonly spans: readonly Span[];
}

/**
 * Two parts below each other: the whole move, which is mostly waiting for the guest's memory, and
 * the change of hosts enlarged.
 */
export function timelineChart(
  record: MigrationRecord,
  words: Words,
  now: number,
  { guest = null, width = 440 }: ChartOptions = {},
): SVGSVGElement {
  const end = endOf(record, now, guest);
  const rows = switchRows(record, words, end, guest);
  const hasGap = pictureGapMs(record) !== null;
  const lines = rows.length + (hasGap ? 1 : 0);
  const height = rowHeight + axisHeight + (lines === 0 ? 0 : lines * rowHeight + axisHeight);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img" });
  chart.append(withText("title", `${words.inspect.chart}: ${record.target}`));
  drawWhole(chart, record, words, end, scaleFor(record.beganAt, end, width));
  if (lines === 0) return chart;
  const stood = pictureStoodFrom(record) ?? record.switchingAt ?? record.beganAt;
  const begin = Math.min(stood, guest?.stoppedAt ?? stood);
  const top = rowHeight + axisHeight;
  const scale = scaleFor(begin, end, width);
  drawAxis(chart, begin, end, scale, top, lines * rowHeight);
  rows.forEach(({ label, spans }, index) => {
    const row = top + index * rowHeight;
    drawLabel(chart, label, row);
    for (const span of spans) chart.append(bar(span, scale, row));
  });
  if (hasGap) drawGap(chart, record, words, scale, top + rows.length * rowHeight);
  return chart;
}

function drawWhole(
  chart: SVGSVGElement,
  record: MigrationRecord,
  words: Words,
  end: number,
  scale: Scale,
): void {
  drawAxis(chart, record.beganAt, end, scale, 0, rowHeight);
  drawLabel(chart, words.inspect.session, 0);
  for (const span of phases(record, end)) chart.append(bar(span, scale, 0));
  for (const { at } of record.linkTroubles) {
    chart.append(svg("circle", { cx: String(scale(at)), cy: "8", r: "4", class: "trouble" }));
  }
}

function switchRows(
  record: MigrationRecord,
  words: Words,
  end: number,
  guest: GuestCourse | null,
): Row[] {
  const rows: Row[] = [];
  if (guest !== null) {
    const { stoppedAt, heldFrom, ranAt } = guest;
    const spans: Span[] = [{ from: stoppedAt, to: heldFrom ?? end, kind: "travelling" }];
    if (heldFrom !== null) spans.push({ from: heldFrom, to: ranAt ?? end, kind: "held" });
    rows.push({ label: words.inspect.guest, spans });
  }
  const begin = record.switchingAt ?? pictureStoodFrom(record) ?? record.beganAt;
  for (const { label, at, outcome } of record.channels) {
    rows.push({ label, spans: [{ from: begin, to: at, kind: outcome }] });
  }
  return rows;
}

function drawGap(
  chart: SVGSVGElement,
  record: MigrationRecord,
  words: Words,
  scale: Scale,
  row: number,
): void {
  drawLabel(chart, words.inspect.pictureGap, row);
  const begin = pictureStoodFrom(record) ?? record.beganAt;
  const [from, to] = [scale(begin), scale(begin + (pictureGapMs(record) ?? 0))];
  const y = row + barHeight / 2 + 2;
  const path = `M${from} ${y - 4}v8M${from} ${y}H${to}M${to} ${y - 4}v8`;
  chart.append(svg("path", { d: path, class: "gap" }));
}

function scaleFor(begin: number, end: number, width: number): Scale {
  const perMs = (width - labelWidth - rightSpace) / Math.max(1, end - begin);
  return (at) => labelWidth + Math.max(0, at - begin) * perMs;
}

function endOf(record: MigrationRecord, now: number, guest: GuestCourse | null): number {
  const known = [
    ...[record.endedAt, record.firstPaintedAt, guest?.ranAt ?? null],
    ...record.channels.map(({ at }) => at),
  ];
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

function drawLabel(chart: SVGSVGElement, label: string, top: number): void {
  chart.append(withText("text", label, { x: "0", y: String(top + barHeight) }));
}

function drawAxis(
  chart: SVGSVGElement,
  begin: number,
  end: number,
  scale: Scale,
  top: number,
  height: number,
): void {
  const bottom = top + height;
  const step = niceStep((end - begin) / 4);
  for (let at = 0; at <= end - begin; at += step) {
    const x = String(scale(begin + at));
    chart.append(svg("line", { x1: x, x2: x, y1: String(top), y2: String(bottom), class: "grid" }));
    const label = { x, y: String(bottom + 12), class: "axis", "text-anchor": "middle" };
    chart.append(withText("text", duration(at), label));
  }
}

function bar({ from, to, kind }: Span, scale: Scale, top: number): SVGElement {
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

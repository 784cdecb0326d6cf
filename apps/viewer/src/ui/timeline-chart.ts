// The course of one move as a chart: the links to the target, the wait, the change of hosts; below
// it each channel, and for how long the picture stood.

import type { Words } from "../locales/english.ts";
import { type MigrationRecord, pictureGapMs, pictureStoodFrom } from "../session/timeline.ts";

const svgName = "http://www.w3.org/2000/svg";
const width = 440;
const labelWidth = 92;
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

/**
 * Two parts below each other: the whole move, which is mostly waiting for the guest's memory, and
 * the change of hosts enlarged.
 */
export function timelineChart(record: MigrationRecord, words: Words, now: number): SVGSVGElement {
  const end = endOf(record, now);
  const channels = record.channels.length + (pictureGapMs(record) === null ? 0 : 1);
  const height = rowHeight + axisHeight + (channels === 0 ? 0 : channels * rowHeight + axisHeight);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img" });
  chart.append(withText("title", `${words.inspect.chart}: ${record.target}`));
  drawWhole(chart, record, words, end);
  if (channels > 0) drawSwitch(chart, record, words, end, rowHeight + axisHeight);
  return chart;
}

function drawWhole(chart: SVGSVGElement, record: MigrationRecord, words: Words, end: number): void {
  const scale = scaleFor(record.beganAt, end);
  drawAxis(chart, record.beganAt, end, scale, 0, rowHeight);
  drawLabel(chart, words.inspect.session, 0);
  for (const span of phases(record, end)) chart.append(bar(span, scale, 0));
  for (const { at } of record.linkTroubles) {
    chart.append(svg("circle", { cx: String(scale(at)), cy: "8", r: "4", class: "trouble" }));
  }
}

function drawSwitch(
  chart: SVGSVGElement,
  record: MigrationRecord,
  words: Words,
  end: number,
  top: number,
): void {
  const begin = pictureStoodFrom(record) ?? record.switchingAt ?? record.beganAt;
  const scale = scaleFor(begin, end);
  const gap = pictureGapMs(record);
  const rows = record.channels.length + (gap === null ? 0 : 1);
  drawAxis(chart, begin, end, scale, top, rows * rowHeight);
  record.channels.forEach(({ label, at, outcome }, index) => {
    const row = top + index * rowHeight;
    drawLabel(chart, label, row);
    chart.append(bar({ from: record.switchingAt ?? begin, to: at, kind: outcome }, scale, row));
  });
  if (gap === null) return;
  const row = top + record.channels.length * rowHeight;
  drawLabel(chart, words.inspect.pictureGap, row);
  const [from, to] = [scale(begin), scale(begin + gap)];
  const y = row + barHeight / 2 + 2;
  const path = `M${from} ${y - 4}v8M${from} ${y}H${to}M${to} ${y - 4}v8`;
  chart.append(svg("path", { d: path, class: "gap" }));
}

function scaleFor(begin: number, end: number): Scale {
  const perMs = (width - labelWidth - rightSpace) / Math.max(1, end - begin);
  return (at) => labelWidth + Math.max(0, at - begin) * perMs;
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

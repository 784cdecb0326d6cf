// The demo's page: the desktop, the hosts, and what may be done to them.

import type { MigrationRecord, SpiceViewer } from "@caraway/viewer";
import "@caraway/viewer";
import {
  chartStyle,
  duration,
  type GuestCourse,
  moveChart,
  pictureGapMs,
} from "@caraway/viewer/timeline";
import type { DemoState } from "caraway-demo";

const viewer = document.querySelector("spice-viewer") as SpiceViewer;
const form = document.querySelector("#move") as HTMLFormElement;
const hosts = document.querySelector("#hosts") as HTMLElement;
const said = document.querySelector("#said") as HTMLElement;
const moves = document.querySelector("#moves") as HTMLElement;
const legend = document.querySelector("#legend") as HTMLElement;
const [migrate, cancel, resolve] = ["button.main", "#cancel", "#resolve"].map((selector) => {
  return form.querySelector(selector) as HTMLButtonElement;
}) as [HTMLButtonElement, HTMLButtonElement, HTMLButtonElement];

const sheet = new CSSStyleSheet();
sheet.replaceSync(chartStyle);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

const hostNames = { left: "Left host", right: "Right host" } as const;
/** Behind it a move that goes wrong leaves the guest where it is going. */
const beforeCommit: ReadonlySet<string> = new Set([
  ...["waiting", "connecting", "preparing", "linking", "stopping", "sending"],
]);

/** A move without links begins for the viewer only when its guest has stopped. */
const clockMs = 2000;

/** As wide as the page's side, so that its words are of a size to be read. */
const chartWidth = 330;

let state: DemoState | null = null;

function say(text: string, tone: "quiet" | "bad" = "quiet"): void {
  said.textContent = text;
  said.dataset["tone"] = tone;
}

async function act(action: string, wishes: object = {}): Promise<void> {
  const response = await fetch(`./api/${action}`, {
    method: "POST",
    body: JSON.stringify(wishes),
  });
  if (!response.ok) say(await response.text(), "bad");
}

function show(now: DemoState): void {
  const isFirst = state === null;
  state = now;
  form.hidden = now.vm !== null;
  hosts.replaceChildren(
    ...now.hosts.map(({ name, state: health }) => {
      const item = document.createElement("li");
      const isHome = now.home === name;
      item.textContent = `${hostNames[name]}${isHome ? ": your desktop" : health === "down" ? ": down" : ""}`;
      item.dataset["state"] = health;
      item.dataset["home"] = String(isHome);
      return item;
    }),
  );
  const { move } = now;
  const isMoving = move !== null && move.endedAt === null;
  const isDown = now.hosts.some(({ state: health }) => health === "down");
  migrate.disabled = isMoving || isDown || now.home === null;
  migrate.textContent =
    now.home === null ? "Migrate" : `Migrate to the ${now.home === "left" ? "right" : "left"} host`;
  cancel.hidden = !isMoving || !beforeCommit.has(move.phase);
  resolve.hidden = !isMoving || move.phase !== "in-doubt";
  say(...lineFor(now));
  void showMoves();
  if (isFirst) {
    viewer.connect("", { token: now.token });
    viewer.focus();
  }
}

function lineFor({ vm, move, gateway }: DemoState): [text: string, tone: "quiet" | "bad"] {
  if (gateway === "down") return ["The gateway is down; it is being started again.", "bad"];
  if (vm !== null) return [vm, "quiet"];
  if (move === null) return ["Type or draw on the desktop while you migrate it.", "quiet"];
  if (move.endedAt === null) return [`Moving: ${move.detail ?? move.phase}`, "quiet"];
  if (move.error !== null) return [`The move failed: ${move.error.message}`, "bad"];
  const { outcome, stoppedMs } = move;
  const stood = stoppedMs === null ? "" : ` The guest was on its way for ${duration(stoppedMs)}`;
  const held = outcome === null ? "" : `, then held for ${duration(outcome.holdMs)}`;
  return [`The move is done.${stood}${held}${stood === "" ? "" : "."}`, "quiet"];
}

async function showMoves(): Promise<void> {
  const records = viewer.migrations.slice(-5).reverse();
  const articles = await Promise.all(records.map(article));
  if (articles.length === 0) return;
  moves.replaceChildren(...articles);
  legend.hidden = false;
}

/** What the hosts say of the move that the viewer saw: its guest stopped while that was under way. */
function courseOf({ beganAt, endedAt }: MigrationRecord): GuestCourse | null {
  const isWithin = ({ stoppedAt }: GuestCourse): boolean => {
    return stoppedAt > beganAt - clockMs && stoppedAt < (endedAt ?? Number.POSITIVE_INFINITY);
  };
  return state?.courses.findLast(isWithin) ?? null;
}

async function article(record: MigrationRecord): Promise<HTMLElement> {
  const element = document.createElement("article");
  const title = document.createElement("h3");
  title.textContent = `${record.mode}, ${record.outcome === "cancelled" ? "called off" : record.outcome}`;
  const facts = document.createElement("p");
  const gap = pictureGapMs(record);
  const kept = record.channels.filter(({ outcome }) => outcome === "kept").length;
  facts.textContent = [
    `${kept} of ${record.channels.length} channels kept`,
    gap === null ? null : `picture stood for ${duration(gap)}`,
    record.heldInputs === 0 ? null : `${record.heldInputs} keys held back`,
  ]
    .filter((text) => text !== null)
    .join(", ");
  const how = { guest: courseOf(record), width: chartWidth };
  const chart = await moveChart(record, document.documentElement.lang, how);
  element.append(title, facts, chart);
  return element;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  void act("migrate", {
    mode: fields.get("mode"),
    deadlineMs: Number(fields.get("deadlineMs")),
    breakage: fields.get("breakage"),
  });
  viewer.focus();
});
cancel.addEventListener("click", () => void act("cancel"));
resolve.addEventListener("click", () => void act("resolve"));
document.querySelector("#network")?.addEventListener("change", (event) => {
  void act("network", { kind: (event.target as HTMLInputElement).value });
});
for (const button of document.querySelectorAll<HTMLElement>("[data-act]")) {
  button.addEventListener("click", () => void act(button.dataset["act"] ?? ""));
}

// Statistics come once a second: a move that is under way is drawn as it goes on.
for (const name of ["migration", "statistics"] as const) {
  viewer.addEventListener(name, () => void showMoves());
}

const states = new EventSource("./api/state");
states.onmessage = ({ data }: MessageEvent<string>) => show(JSON.parse(data) as DemoState);
states.onerror = () => say("The demo has ended.", "bad");

// More input at once than a guest's keyboard, wheel or tablet can keep: the client spreads it out,
// and the guest gets all of it, once and in order.

import { setTimeout as delay } from "node:timers/promises";
import type { InputCommand } from "@caraway/client";
import type { Cell, CellResult } from "@caraway/interop";
import { MouseButton } from "@caraway/protocol";
import { readKeys, readReports, scancodeOf, waitForReport } from "./guest-keys.ts";
import { MovingSession, type MovingSessionOptions } from "./moving-session.ts";

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

async function withSession(
  options: MovingSessionOptions,
  work: (session: MovingSession) => Promise<CellResult>,
): Promise<CellResult> {
  const session = await MovingSession.open(options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

function send(session: MovingSession, ...inputs: InputCommand[]): void {
  for (const input of inputs) session.client.client.command({ name: "input", input });
}

function tap(session: MovingSession, ...scancodes: number[]): void {
  for (const scancode of scancodes) {
    send(session, { kind: "key-down", scancode }, { kind: "key-up", scancode });
  }
}

/** A whole page at once, as a program types it. */
function text(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const wanted = "the quick brown fox jumps over the lazy dog".replaceAll(" ", "").repeat(5);
    tap(session, ...[...wanted].map(scancodeOf));
    const keys = async () => readKeys(await readReports(session.here));
    for (let count = 0; count < 100; count++) {
      await delay(100);
      if ((await keys()).downs.length >= wanted.length) break;
    }
    await delay(500);
    const { downs, held } = await keys();
    demand(downs.join("") === wanted, `of ${wanted.length} keys the guest got ${downs.length}`);
    demand(held.length === 0, `keys are stuck: ${held.join(" ")}`);
    return { outcome: "passed", detail: `${wanted.length} keys in one burst, each once, in order` };
  });
}

/** Set 1 codes and the names that X has for their keys. */
const namedKeys: readonly [number, string][] = [
  [0x01, "Escape"],
  [0x02, "1"],
  [0x0e, "BackSpace"],
  [0x0f, "Tab"],
  [0x1c, "Return"],
  [0x1d, "Control_L"],
  [0x2a, "Shift_L"],
  [0x36, "Shift_R"],
  [0x38, "Alt_L"],
  [0x39, "space"],
  [0x3b, "F1"],
  [0x58, "F12"],
  [0x4c, "KP_Begin"],
  [0xe01c, "KP_Enter"],
  [0xe01d, "Control_R"],
  [0xe035, "KP_Divide"],
  [0xe047, "Home"],
  [0xe048, "Up"],
  [0xe049, "Prior"],
  [0xe04b, "Left"],
  [0xe04d, "Right"],
  [0xe04f, "End"],
  [0xe050, "Down"],
  [0xe051, "Next"],
  [0xe052, "Insert"],
  [0xe053, "Delete"],
  [0xe05b, "Super_L"],
  [0xe05d, "Menu"],
];

function everyKindOfKey(): Promise<CellResult> {
  return withSession({}, async (session) => {
    for (const [scancode] of namedKeys) {
      tap(session, scancode);
      await delay(30);
    }
    await waitForReport(session.here, /KEY up \d+ Menu$/);
    const story = (await readReports(session.here)).filter((line) => line.startsWith("KEY "));
    const wanted = namedKeys.flatMap(([, name]) => [`down ${name}`, `up ${name}`]);
    const got = story.map((line) => line.replace(/^KEY (\w+) \d+ /, "$1 "));
    const wrong = wanted.filter((line, index) => got[index] !== line);
    demand(wrong.length === 0 && got.length === wanted.length, `not as typed: ${wrong.join(", ")}`);
    return { outcome: "passed", detail: `${namedKeys.length} keys, extended ones among them` };
  });
}

/** Much more motion than the server takes at once: it is merged, and none is lost. */
function muchMotion(): Promise<CellResult> {
  return withSession({}, async (session) => {
    for (let x = 0; x < 900; x++) send(session, { kind: "position", x, y: 300, display: 0 });
    send(session, { kind: "position", x: 900, y: 301, display: 0 });
    await waitForReport(session.here, /^POINTER (899|900) (300|301)$/);
    send(session, { kind: "button-down", button: 1 }, { kind: "button-up", button: 1 });
    await waitForReport(session.here, /BUTTON up 1$/);
    return { outcome: "passed", detail: "901 positions at once end at the last one" };
  });
}

function wheelFlick(): Promise<CellResult> {
  return withSession({}, async (session) => {
    const steps = 30;
    for (let count = 0; count < steps; count++) {
      const button = MouseButton.DOWN;
      send(session, { kind: "button-down", button }, { kind: "button-up", button });
    }
    const count = async () => {
      const reports = await readReports(session.here);
      return reports.filter((line) => line === "BUTTON down 5").length;
    };
    for (let tries = 0; tries < 30 && (await count()) < steps; tries++) await delay(100);
    await delay(300);
    demand((await count()) === steps, `the guest saw ${await count()} of ${steps} steps`);
    return { outcome: "passed", detail: `${steps} steps in one flick, each once` };
  });
}

export const cells: readonly Cell[] = [
  { name: "text in one burst", run: text },
  { name: "every kind of key", run: everyKindOfKey },
  { name: "more motion than fits", run: muchMotion },
  { name: "a flick of the wheel", run: wheelFlick },
];

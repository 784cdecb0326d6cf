// Keys, pointer, wheel and lock LEDs reach the guest, in both mouse modes: shown by what a program
// in the guest reports of them, and draws.

import { setTimeout as delay } from "node:timers/promises";
import type { InputCommand } from "@caraway/client";
import {
  type CarawayClient,
  type Cell,
  type CellResult,
  comparePictures,
  connectCaraway,
  startSavedVm,
  type Vm,
  type VmDevices,
} from "@caraway/interop";
import { KeyboardModifier, MouseButton } from "@caraway/protocol";
import { readReports, startReports, waitForReport } from "./guest-keys.ts";

/** A PS/2 device of a guest under emulation merges what comes faster. */
const pauseMs = 60;

class Hand {
  readonly #client: CarawayClient;

  constructor(client: CarawayClient) {
    this.#client = client;
  }

  async do(...inputs: readonly InputCommand[]): Promise<void> {
    for (const input of inputs) {
      this.#client.client.command({ name: "input", input });
      await delay(pauseMs);
    }
  }

  press(...scancodes: readonly number[]): Promise<void> {
    const downs = scancodes.map((scancode) => ({ kind: "key-down", scancode }) as const);
    const ups = [...scancodes].reverse().map((scancode) => ({ kind: "key-up", scancode }) as const);
    return this.do(...downs, ...ups);
  }

  click(button: number): Promise<void> {
    return this.do({ kind: "button-down", button }, { kind: "button-up", button });
  }
}

/** What the guest reports of `act`, in order, without pointer positions. */
async function reportsOf(vm: Vm, act: () => Promise<void>): Promise<string[]> {
  const before = (await readReports(vm)).length;
  await act();
  await delay(1000);
  const lines = (await readReports(vm)).slice(before);
  return lines.filter((line) => /^(KEY|BUTTON|LEDS) /.test(line));
}

async function withGuest(
  devices: VmDevices,
  check: (vm: Vm, client: CarawayClient, hand: Hand) => Promise<string[]>,
): Promise<CellResult> {
  const vm = await startSavedVm(devices);
  const mouseMode = devices.pointer === "mouse" ? "server" : "client";
  const client = connectCaraway(vm, { session: { mouseMode } });
  try {
    await client.settle();
    await startReports(vm);
    const problems = await check(vm, client, new Hand(client));
    const difference = await comparePictures(vm, client);
    if (difference.pixels > 0) problems.push(`picture: ${JSON.stringify(difference)}`);
    if (problems.length > 0) return { outcome: "failed", detail: problems.join("; ") };
    return { outcome: "passed", detail: "reported and drawn by the guest as sent" };
  } finally {
    client.close();
    await vm.close();
  }
}

function expectLines(what: string, seen: readonly string[], wanted: readonly string[]): string[] {
  const [a, b] = [seen.join(", "), wanted.join(", ")];
  return a === b ? [] : [`${what}: the guest reports [${a}] instead of [${b}]`];
}

const names = (lines: readonly string[]) => {
  return lines
    .filter((line) => line.startsWith("KEY "))
    .map((line) => line.replace(/^KEY (\w+) \d+ (.*)$/, "$2 $1"));
};

async function keys(vm: Vm, _client: CarawayClient, hand: Hand): Promise<string[]> {
  const plain = await reportsOf(vm, () => hand.press(0x1e));
  const shifted = await reportsOf(vm, () => hand.press(0x2a, 0x30));
  // Extended keys: right control, cursor left, left Super.
  const extended = await reportsOf(vm, async () => {
    await hand.press(0xe01d);
    await hand.press(0xe04b);
    await hand.press(0xe05b);
  });
  return [
    ...expectLines("a", names(plain), ["a down", "a up"]),
    ...expectLines("shift b", names(shifted), ["Shift_L down", "b down", "b up", "Shift_L up"]),
    ...expectLines("extended keys", names(extended), [
      "Control_R down",
      "Control_R up",
      "Left down",
      "Left up",
      "Super_L down",
      "Super_L up",
    ]),
  ];
}

async function lockKeys(vm: Vm, client: CarawayClient, hand: Hand): Promise<string[]> {
  const problems: string[] = [];
  const since = client.events.length;
  await hand.press(0x3a);
  await waitForReport(vm, /^LEDS 1$/);
  await client.waitFor((event) => event.name === "lock-leds", { since });
  const leds = client.events.filter((event) => event.name === "lock-leds").at(-1);
  if (leds?.capsLock !== true) problems.push("caps lock: the client was not told of the LED");
  // Asked for by state, as a client does whose own lock keys differ.
  await hand.do({ kind: "lock-keys", modifiers: KeyboardModifier.NUM_LOCK });
  await waitForReport(vm, /^LEDS 2$/);
  await hand.do({ kind: "lock-keys", modifiers: 0 });
  await waitForReport(vm, /^LEDS 0$/);
  return problems;
}

async function buttons(vm: Vm, _client: CarawayClient, hand: Hand): Promise<string[]> {
  const seen = await reportsOf(vm, async () => {
    await hand.click(MouseButton.LEFT);
    await hand.click(MouseButton.MIDDLE);
    await hand.click(MouseButton.RIGHT);
    await hand.click(MouseButton.UP);
    await hand.click(MouseButton.DOWN);
  });
  const pair = (button: number) => [`BUTTON down ${button}`, `BUTTON up ${button}`];
  return expectLines("buttons and wheel", seen, [1, 2, 3, 4, 5].flatMap(pair));
}

async function absolute(vm: Vm, client: CarawayClient, hand: Hand): Promise<string[]> {
  if (client.events.findLast((event) => event.name === "mouse-mode")?.mode !== "client") {
    return ["the server did not go into mouse mode CLIENT"];
  }
  for (const [x, y] of [
    [400, 300],
    [10, 700],
    [1000, 20],
  ] as const) {
    await hand.do({ kind: "position", x, y, display: 0 });
    // A tablet's axes are coarser than the screen: one pixel off is as good as it gets.
    const near = (at: number) => `(?:${at - 1}|${at}|${at + 1})`;
    await waitForReport(vm, new RegExp(`^POINTER ${near(x)} ${near(y)}$`));
  }
  return [];
}

async function relative(vm: Vm, _client: CarawayClient, hand: Hand): Promise<string[]> {
  const before = await pointer(vm, hand, { kind: "motion", dx: 1, dy: 1 });
  const steps = Array.from({ length: 10 }, () => ({ kind: "motion", dx: 4, dy: -3 }) as const);
  await hand.do(...steps);
  const after = await pointer(vm, hand, { kind: "motion", dx: 1, dy: 1 });
  const [dx, dy] = [after.x - before.x, after.y - before.y];
  // The guest accelerates small steps a little; it never turns them around.
  const fine = dx >= 35 && dx <= 160 && dy <= -25 && dy >= -120;
  return fine ? [] : [`ten motions of 4, -3 moved the pointer by ${dx}, ${dy}`];
}

async function pointer(vm: Vm, hand: Hand, nudge: InputCommand): Promise<{ x: number; y: number }> {
  await hand.do(nudge);
  await delay(1000);
  const line = (await readReports(vm)).filter((each) => each.startsWith("POINTER ")).at(-1);
  const [, x, y] = /^POINTER (\d+) (\d+)$/.exec(line ?? "") ?? [];
  if (x === undefined || y === undefined) throw new Error("the guest reported no pointer");
  return { x: Number(x), y: Number(y) };
}

const tablet: VmDevices = { display: "qxl-vga" };
const mouse: VmDevices = { display: "qxl-vga", pointer: "mouse" };

export const cells: readonly Cell[] = [
  { name: "keys, shifted and extended", run: () => withGuest(tablet, keys) },
  { name: "lock keys and LEDs", run: () => withGuest(tablet, lockKeys) },
  { name: "absolute pointer", run: () => withGuest(tablet, absolute) },
  { name: "buttons and wheel, absolute", run: () => withGuest(tablet, buttons) },
  { name: "relative pointer", run: () => withGuest(mouse, relative) },
  { name: "buttons and wheel, relative", run: () => withGuest(mouse, buttons) },
];

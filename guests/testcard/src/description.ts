// What the testcard says first: who it is, its devices, and all that they have at this moment.

import type { GuestDevice, GuestOutput } from "@caraway/server";
import { agentPort, agentStream } from "./agent-program.ts";
import { hash } from "./arithmetic.ts";
import { describeCounter } from "./counter-stream.ts";
import { cursorShape } from "./cursor-shapes.ts";
import { describeSound } from "./melody.ts";
import { displaysOf, monitorsOutput } from "./monitors.ts";
import { boxAt } from "./region.ts";
import { surfacePixels } from "./screen.ts";
import { surfacesOf, type TestcardState } from "./testcard-state.ts";

const agentDevice: GuestDevice = { kind: "stream", ...agentStream, name: agentPort };

/** `others`: what its port for the agent, and other devices, have to say. */
export function describe(state: TestcardState, others: readonly GuestOutput[]): GuestOutput[] {
  const { desktop, screen, isSetUp } = state;
  const { settings, monitors } = desktop;
  const displays = displaysOf(monitors);
  const devices: GuestDevice[] = [
    ...displays.map((id) => {
      const outputs = monitors.filter(({ display }) => display === id).map((_, index) => index);
      // As the devices of a machine stand in their slots.
      const address = `pci/0000/${(id + 2).toString(16).padStart(2, "0")}.0`;
      return { kind: "display", id, hardware: { address, outputs } } as const;
    }),
    { kind: "keyboard" },
    { kind: "mouse" },
    { kind: "tablet" },
    ...(settings.agent ? [agentDevice] : []),
  ];
  const outputs: GuestOutput[] = [
    { type: "identity", name: "Caraway testcard", uuid: uuidOf(settings.seed) },
    ...devices.map((device) => ({ type: "attach", device }) as const),
  ];
  for (const [display, { id, width, height, format }] of surfacesOf(desktop)) {
    if (id !== 0 && settings.output === "framebuffer") continue;
    const content = isSetUp
      ? surfacePixels(screen.surface(display, id)!, boxAt(0, 0, width, height))
      : null;
    outputs.push({ type: "surface-create", display, surface: id, width, height, format, content });
  }
  for (const display of displays) outputs.push(monitorsOutput(monitors, display));
  outputs.push(...describePointer(state), ...state.counters.flatMap(describeCounter));
  if (settings.sound) outputs.push(...describeSound(isSetUp));
  outputs.push({ type: "leds", modifiers: desktop.keyboard.leds }, ...others, { type: "ready" });
  return outputs;
}

function describePointer({ desktop }: TestcardState): GuestOutput[] {
  const { monitors, pointer, cursor } = desktop;
  return displaysOf(monitors).flatMap((display): GuestOutput[] => {
    if (monitors[pointer.monitor]!.display !== display) {
      return [{ type: "cursor-move", display, x: 0, y: 0, visible: false }];
    }
    return [
      { type: "cursor-shape", display, shape: cursorShape(cursor) },
      { type: "cursor-move", display, x: pointer.x, y: pointer.y, visible: true },
    ];
  });
}

/** A UUID of version 8, which leaves its bits to whoever makes it. */
function uuidOf(seed: number): Uint8Array {
  const uuid = Uint8Array.from({ length: 16 }, (_, at) => hash(seed, at) >>> 24);
  uuid[6] = (uuid[6]! & 0x0f) | 0x80;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid;
}

// From a testcard to bytes.

import { encodeFields } from "@caraway/wire";
import { counterTickMs, counterUses } from "./counter-stream.ts";
import { cursorNames } from "./cursor-shapes.ts";
import { windowNames } from "./desktop.ts";
import { lateMaxMs } from "./melody.ts";
import { packPixels } from "./pixel-packing.ts";
import { saveAgent } from "./saved-agent.ts";
import { saveCard } from "./saved-card.ts";
import {
  never,
  type SavedInputValue,
  SavedTestcard,
  type SavedValue,
  savedMagic,
  savedVersion,
} from "./saved-layout.ts";
import { saveSlots } from "./saved-usb.ts";
import { type DeviceInput, surfacesOf, type TestcardState } from "./testcard-state.ts";

export function saveState(state: TestcardState): Uint8Array {
  const { desktop, painting } = state;
  const { settings, keyboard, editor, grab, monitors, pointer } = desktop;
  const value: SavedValue = {
    magic: savedMagic,
    version: savedVersion,
    isHeads: settings.layout === "heads" ? 1 : 0,
    isFramebuffer: settings.output === "framebuffer" ? 1 : 0,
    hasAgent: settings.agent ? 1 : 0,
    hasSound: settings.sound ? 1 : 0,
    hasVideo: settings.video ? 1 : 0,
    speedPercent: settings.speedPercent,
    freezeAtMs: settings.freezeAtMs ?? never,
    seed: settings.seed,
    batch: settings.batch,
    runtimeMs: BigInt(desktop.runtimeMs),
    isSetUp: state.isSetUp ? 1 : 0,
    monitors: monitors.map(({ box }) => ({
      width: box.right - box.left,
      height: box.bottom - box.top,
    })),
    windows: desktop.windows.map((place) => ({
      ...place,
      name: windowNames.indexOf(place.name),
    })),
    pointer: { ...pointer, isHidden: pointer.isHidden ? 1 : 0 },
    grab: {
      kind: ["none", "title", "inside"].indexOf(grab.kind),
      dx: grab.kind === "title" ? grab.dx : 0,
      dy: grab.kind === "title" ? grab.dy : 0,
    },
    cursor: cursorNames.indexOf(desktop.cursor),
    held: keyboard.held,
    leds: keyboard.leds,
    counters: desktop.counters,
    editorText: editor.text,
    editorCaret: editor.caret,
    editorTouchedMs: editor.touchedMs,
    paint: {
      color: desktop.paint.color,
      tip: desktop.paint.tip,
      hasLast: desktop.paint.last === null ? 0 : 1,
      lastX: desktop.paint.last?.x ?? 0,
      lastY: desktop.paint.last?.y ?? 0,
      trace: desktop.paint.trace,
    },
    slideTurns: desktop.slideTurns,
    shown: { ...desktop.shown, caret: desktop.shown.caret ? 1 : 0 },
    paintingDone: painting?.done ?? never,
    paintingDueMs: painting === null ? 0 : painting.dueMs - desktop.runtimeMs,
    damage: [...(painting?.damage ?? [])].flatMap(([display, region]) =>
      region.map((box) => ({ display, ...box })),
    ),
    waiting: state.waiting.map(savedInput),
    wishes: state.wishes,
    counterDevices: state.counters.map((counter) => ({
      use: counterUses.indexOf(counter.use),
      isOpen: counter.isOpen ? 1 : 0,
      said: BigInt(counter.said),
      heard: BigInt(counter.heard),
      hasWrong: counter.wrongAt === null ? 0 : 1,
      wrongAt: BigInt(counter.wrongAt ?? 0),
      breaks: counter.breaks,
      dueMs: Math.max(counter.dueMs - desktop.runtimeMs, -counterTickMs),
    })),
    usb: saveSlots(state.slots, desktop.runtimeMs),
    card: state.card === null ? new Uint8Array(0) : saveCard(state.card, desktop.runtimeMs),
    soundPlayedMs: Math.max(state.sound.playedMs - desktop.runtimeMs, -lateMaxMs),
    soundHeardBytes: BigInt(state.sound.heardBytes),
    soundLoudest: state.sound.loudest,
    surfaces: surfacesOf(desktop).map(([display, { id }]) => {
      return { display, id, packed: packPixels(state.screen.surface(display, id)!.pixmap) };
    }),
    agent: state.agent === null ? new Uint8Array(0) : saveAgent(state.agent),
  };
  return encodeFields(SavedTestcard, value);
}

function savedInput(input: DeviceInput): SavedInputValue {
  const none = { a: 0, b: 0, c: 0, buttons: 0 };
  switch (input.type) {
    case "key":
      return { ...none, kind: 0, a: input.code, b: input.down ? 1 : 0 };
    case "mouse-motion":
      return { ...none, kind: 1, a: input.dx, b: input.dy, buttons: input.buttons };
    case "tablet-position": {
      const { display, x, y, buttons } = input;
      return { kind: 2, a: display, b: x, c: y, buttons };
    }
    case "buttons":
      return { ...none, kind: 3, buttons: input.buttons };
    case "wheel":
      return { ...none, kind: 4, a: input.steps, buttons: input.buttons };
  }
}

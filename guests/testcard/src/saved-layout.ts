// The layout of a saved testcard, declared in the vocabulary of the wire. Names are stored as their
// place in the lists that the code has of them, so those lists only grow at their end, or the
// version changes.

import {
  bytes,
  count,
  i16,
  i32,
  list,
  type StructValue,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
} from "@caraway/wire";

/** "CTST" in the order of the bytes. */
export const savedMagic = 0x54535443;
export const savedVersion = 8;
/** Stands for no time. */
export const never = 0xffffffff;

const box = { left: i32, top: i32, right: i32, bottom: i32 } as const;

const SavedInput = struct("SavedInput", {
  /** 0 key, 1 mouse-motion, 2 tablet-position, 3 buttons, 4 wheel. */
  kind: u8,
  /** The input's own fields in the order of its type, and 0 for those that it has not. */
  a: i32,
  b: i32,
  c: i32,
  buttons: u8,
});

const SavedWish = struct("SavedWish", { id: u32, x: i32, y: i32, width: u32, height: u32 });

const SavedCounter = struct("SavedCounter", {
  /** 0 usbredir, 1 port. */
  use: u8,
  isOpen: u8,
  said: u64,
  heard: u64,
  hasWrong: u8,
  wrongAt: u64,
  breaks: u32,
  /** From the time that the guest has run. */
  dueMs: i32,
});

const SavedSurface = struct("SavedSurface", {
  display: u8,
  id: u32,
  packedSize: count(u32, "packed"),
  packed: bytes({ count: "packedSize" }),
});

export const SavedTestcard = struct("SavedTestcard", {
  magic: u32,
  version: u16,
  isHeads: u8,
  isFramebuffer: u8,
  hasAgent: u8,
  hasSound: u8,
  hasVideo: u8,
  speedPercent: u16,
  freezeAtMs: u32,
  seed: u32,
  batch: u16,
  runtimeMs: u64,
  isSetUp: u8,
  monitorCount: count(u8, "monitors"),
  monitors: list(struct("SavedMonitor", { width: u16, height: u16 }), { count: "monitorCount" }),
  windowCount: count(u8, "windows"),
  windows: list(struct("SavedWindow", { name: u8, monitor: u8, left: i32, top: i32 }), {
    count: "windowCount",
  }),
  pointer: struct("SavedPointer", { monitor: u8, x: i32, y: i32, buttons: u8, isHidden: u8 }),
  /** 0 none, 1 title, 2 inside. */
  grab: struct("SavedGrab", { kind: u8, dx: i16, dy: i16 }),
  cursor: u8,
  heldCount: count(u8, "held"),
  held: list(u32, { count: "heldCount" }),
  leds: u8,
  counters: struct("SavedCounters", {
    presses: u32,
    repeats: u32,
    releases: u32,
    clicks: u32,
    wheel: i32,
  }),
  editorSize: count(u16, "editorText"),
  editorText: text({ count: "editorSize" }, false),
  editorCaret: u16,
  editorTouchedMs: u32,
  paint: struct("SavedPaint", {
    color: u8,
    tip: u8,
    hasLast: u8,
    lastX: i32,
    lastY: i32,
    trace: u32,
  }),
  slideTurns: u8,
  shown: struct("SavedShown", {
    second: u32,
    caret: u8,
    lines: u32,
    frame: u32,
    slides: u32,
    video: u32,
    level: u8,
  }),
  /** Drawings that are done; `never` when nothing is being painted. */
  paintingDone: u32,
  /** From the time that the guest has run. */
  paintingDueMs: i32,
  damageCount: count(u8, "damage"),
  damage: list(struct("SavedDamage", { display: u8, ...box }), { count: "damageCount" }),
  waitingCount: count(u16, "waiting"),
  waiting: list(SavedInput, { count: "waitingCount" }),
  wishCount: count(u8, "wishes"),
  wishes: list(SavedWish, { count: "wishCount" }),
  counterDeviceCount: count(u8, "counterDevices"),
  counterDevices: list(SavedCounter, { count: "counterDeviceCount" }),
  /** `SavedSlots`. */
  usbSize: count(u32, "usb"),
  usb: bytes({ count: "usbSize" }),
  /** A `SavedCardSlot`; nothing where there is no reader. */
  cardSize: count(u32, "card"),
  card: bytes({ count: "cardSize" }),
  /** From the time that the guest has run. */
  soundPlayedMs: i32,
  soundHeardBytes: u64,
  soundLoudest: u16,
  surfaceCount: count(u8, "surfaces"),
  surfaces: list(SavedSurface, { count: "surfaceCount" }),
  /** A `SavedAgent`; nothing before an agent has run. */
  agentSize: count(u32, "agent"),
  agent: bytes({ count: "agentSize" }),
});

export type SavedValue = StructValue<(typeof SavedTestcard)["fields"]>;
export type SavedInputValue = SavedValue["waiting"][number];

// The testcard's USB slots as bytes, and back. What comes from a network is taken only when a slot
// could be in such a state.

import { UsbredirCapability } from "@caraway/usbredir";
import {
  bytes,
  count,
  decodeFields,
  encodeFields,
  joinBytes,
  list,
  type StructValue,
  sizeOf,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
} from "@caraway/wire";
import { check, flag } from "./saved-checks.ts";
import {
  type CommandKind,
  commandKinds,
  type StorageCommand,
  type StorageState,
  statusSize,
  storageBlocksMax,
} from "./storage-user.ts";
import {
  firstUsbSlot,
  requestParts,
  type UsbActivity,
  type UsbSlotState,
  usbSlotsMax,
} from "./usb-slot.ts";

const never = 0xffffffff;
/** Bytes of what waits to be said, of data under way, and of a packet that is not whole. */
const bytesMax = 4 << 20;
const requestsMax = 64;
const repairSteps = 3;

const SavedRequest = struct("SavedRequest", { id: u32, part: u8, at: u32, length: u32 });

const SavedSlot = struct("SavedSlot", {
  isOpen: u8,
  outgoingSize: count(u32, "outgoing"),
  outgoing: bytes({ count: "outgoingSize" }),
  /** 0: our HELLO was said and nothing heard; 1: the peer's was heard. */
  hasPeer: u8,
  peerSize: count(u8, "peer"),
  peer: text({ count: "peerSize" }, false),
  capabilities: u32,
  waitingSize: count(u32, "waiting"),
  waiting: bytes({ count: "waitingSize" }),
  toSkip: u32,
  isStorage: u8,
  isHid: u8,
  /** Endpoints; 255: there is none. */
  input: u8,
  output: u8,
  interrupt: u8,
  isConnected: u8,
  isPlugged: u8,
  reports: u32,
  isCareful: u8,
  /** 0 idle, 1 command, 2 and above: steps of a repair. */
  activity: u8,
  kind: u8,
  tag: u32,
  first: u32,
  count: u32,
  length: u32,
  isInput: u8,
  isBroken: u8,
  dataSize: count(u32, "data"),
  data: bytes({ count: "dataSize" }),
  statusSize: count(u8, "status"),
  status: bytes({ count: "statusSize" }),
  requestCount: count(u8, "requests"),
  requests: list(SavedRequest, { count: "requestCount" }),
  nextId: u32,
  nextTag: u32,
  /** From the time that the guest has run. */
  dueMs: u32,
  plugged: u32,
  unplugged: u32,
  asked: u64,
  answered: u64,
  cancelled: u64,
  lost: u64,
  strangers: u64,
  blocks: u32,
  blockSize: u32,
  isReadOnly: u8,
  commands: u64,
  failed: u64,
  readBytes: u64,
  writtenBytes: u64,
  wrongAt: u32,
  next: u8,
  markCount: count(u16, "marks"),
  marks: list(u32, { count: "markCount" }),
});

const SavedSlots = struct("SavedSlots", {
  slotCount: count(u8, "slots"),
  slots: list(SavedSlot, { count: "slotCount" }),
});

type SavedSlotValue = StructValue<(typeof SavedSlot)["fields"]>;

export function saveSlots(slots: readonly UsbSlotState[], runtimeMs: number): Uint8Array {
  return encodeFields(SavedSlots, { slots: slots.map((slot) => savedSlot(slot, runtimeMs)) });
}

function savedSlot(slot: UsbSlotState, runtimeMs: number): SavedSlotValue {
  const { activity, saved, storage } = slot;
  const nothing = { kind: "ready", tag: 0, first: 0, count: 0, length: 0, isInput: false } as const;
  const command = activity.kind === "command" ? activity : null;
  const { kind, isInput, ...numbers }: StorageCommand = command?.command ?? nothing;
  const { blocks, blockSize, isReadOnly, next, marks, wrongAt } = storage;
  const counted = [storage.commands, storage.failed, storage.readBytes, storage.writtenBytes];
  const [commands, failed, readBytes, writtenBytes] = counted.map(BigInt);
  const { asked, answered, cancelled, lost, strangers } = slot;
  return {
    isOpen: slot.isOpen ? 1 : 0,
    outgoing: joinBytes(slot.outgoing),
    hasPeer: saved?.peer ? 1 : 0,
    peer: saved?.peer?.version ?? "",
    capabilities:
      (saved?.peer?.capabilities ?? []).reduce((word, bit) => word | (1 << bit), 0) >>> 0,
    waiting: saved?.waiting ?? new Uint8Array(0),
    toSkip: saved?.toSkip ?? 0,
    isStorage: slot.isStorage ? 1 : 0,
    isHid: slot.isHid ? 1 : 0,
    input: slot.input ?? 0xff,
    output: slot.output ?? 0xff,
    interrupt: slot.interrupt ?? 0xff,
    isConnected: slot.isConnected ? 1 : 0,
    reports: slot.reports,
    isPlugged: slot.isPlugged ? 1 : 0,
    isCareful: slot.isCareful ? 1 : 0,
    activity: activity.kind === "idle" ? 0 : activity.kind === "command" ? 1 : 2 + activity.step,
    kind: commandKinds.indexOf(kind),
    ...numbers,
    isInput: isInput ? 1 : 0,
    isBroken: command?.isBroken ? 1 : 0,
    data: command?.data ?? new Uint8Array(0),
    status: command?.status ?? new Uint8Array(0),
    requests: slot.requests.map(({ part, ...request }) => ({
      ...request,
      part: requestParts.indexOf(part),
    })),
    nextId: slot.nextId,
    nextTag: slot.nextTag,
    dueMs: Math.max(0, slot.dueMs - runtimeMs),
    plugged: slot.plugged,
    unplugged: slot.unplugged,
    asked: BigInt(asked),
    answered: BigInt(answered),
    cancelled: BigInt(cancelled),
    lost: BigInt(lost),
    strangers: BigInt(strangers),
    blocks,
    blockSize,
    isReadOnly: isReadOnly ? 1 : 0,
    commands: commands!,
    failed: failed!,
    readBytes: readBytes!,
    writtenBytes: writtenBytes!,
    wrongAt: wrongAt ?? never,
    next: commandKinds.indexOf(next),
    marks: [...marks.subarray(0, blocks)],
  };
}

/**
 * @param firstId Of the first slot's stream.
 * @throws CarawayError when the bytes are not what `saveSlots` writes.
 */
export function loadSlots(saved: Uint8Array, firstId: number, runtimeMs: number): UsbSlotState[] {
  const value = decodeFields(SavedSlots, saved);
  check(sizeOf(SavedSlots, value) === saved.length, "bytes follow its USB slots");
  check(value.slots.length <= usbSlotsMax, "it has too many USB slots");
  return value.slots.map((slot, index) => loadSlot(slot, firstId + index, runtimeMs));
}

function loadSlot(saved: SavedSlotValue, id: number, runtimeMs: number): UsbSlotState {
  const sizes = [saved.outgoing.length, saved.waiting.length, saved.toSkip, saved.length];
  check(
    sizes.every((size) => size <= bytesMax),
    "a USB slot has too many bytes",
  );
  check(saved.requests.length <= requestsMax, "a USB slot asks too much");
  check(saved.nextId > 0 && saved.nextTag > 0, "a USB slot counts from 1");
  const activity = loadActivity(saved);
  const requests = saved.requests.map(({ part, ...request }) => {
    const found = requestParts[part];
    check(found !== undefined && request.id < saved.nextId, "there is no such USB request");
    return { ...request, part: found };
  });
  check(requests.length > 0 === (activity.kind !== "idle"), "a USB slot waits for nothing");
  const isPlugged = flag(saved.isPlugged);
  check(isPlugged || activity.kind === "idle", "a USB slot works with no device");
  check(
    !isPlugged || (saved.input !== 0xff && saved.output !== 0xff),
    "its device lacks an endpoint",
  );
  const isConnected = flag(saved.isConnected);
  check(isConnected || !isPlugged, "a USB device is there and not there");
  const endpoints = {
    input: endpoint(saved.input),
    output: endpoint(saved.output),
    interrupt: endpoint(saved.interrupt),
  };
  const capabilities = Object.values(UsbredirCapability).filter((bit) => {
    return (saved.capabilities & (1 << bit)) !== 0;
  });
  const peer = flag(saved.hasPeer) ? { version: saved.peer, capabilities } : null;
  const isOpen = flag(saved.isOpen);
  check(isOpen || !isConnected, "a USB device of nobody");
  const counted = [saved.asked, saved.answered, saved.cancelled, saved.lost, saved.strangers];
  const [asked, answered, cancelled, lost, strangers] = counted.map(whole);
  return {
    ...firstUsbSlot(id),
    isOpen,
    outgoing: saved.outgoing.length === 0 ? [] : [saved.outgoing.slice()],
    saved: isOpen ? { peer, waiting: saved.waiting.slice(), toSkip: saved.toSkip } : null,
    isStorage: flag(saved.isStorage),
    isHid: flag(saved.isHid),
    ...endpoints,
    isConnected,
    isPlugged,
    reports: saved.reports,
    isCareful: flag(saved.isCareful),
    activity,
    requests,
    nextId: saved.nextId,
    nextTag: saved.nextTag,
    dueMs: runtimeMs + saved.dueMs,
    plugged: saved.plugged,
    unplugged: saved.unplugged,
    asked: asked!,
    answered: answered!,
    cancelled: cancelled!,
    lost: lost!,
    strangers: strangers!,
    storage: loadStorage(saved),
  };
}

function loadActivity(saved: SavedSlotValue): UsbActivity {
  if (saved.activity === 0) return { kind: "idle" };
  if (saved.activity > 1) {
    const step = saved.activity - 2;
    check(step < repairSteps, "there is no such repair");
    return { kind: "repair", step };
  }
  const kind = kindOf(saved.kind);
  const { tag, first, count, length } = saved;
  const isInput = flag(saved.isInput);
  check(saved.data.length === (isInput ? length : 0), "a USB command has other data");
  check(saved.status.length === 0 || saved.status.length === statusSize, "its status is wrong");
  check(first + count <= saved.blocks, "a USB command is off its medium");
  const command = { kind, tag, first, count, length, isInput };
  const [data, status] = [saved.data.slice(), saved.status.slice()];
  return { kind: "command", command, data, status, isBroken: flag(saved.isBroken) };
}

function loadStorage(saved: SavedSlotValue): StorageState {
  const { blocks, blockSize, wrongAt } = saved;
  check(blocks <= storageBlocksMax && blocks === saved.marks.length, "its medium is wrong");
  check([0, 512, 2048, 4096].includes(blockSize), "its blocks are wrong");
  check(blocks === 0 || blockSize > 0, "its blocks have no size");
  const next = kindOf(saved.next);
  check(blocks > 0 || !["read", "write"].includes(next), "it would read nothing");
  const marks = new Uint32Array(storageBlocksMax);
  marks.set(saved.marks);
  const counted = [saved.commands, saved.failed, saved.readBytes, saved.writtenBytes];
  const [commands, failed, readBytes, writtenBytes] = counted.map(whole);
  return {
    blocks,
    blockSize,
    isReadOnly: flag(saved.isReadOnly),
    commands: commands!,
    failed: failed!,
    readBytes: readBytes!,
    writtenBytes: writtenBytes!,
    wrongAt: wrongAt === never ? null : wrongAt,
    marks,
    next,
  };
}

function kindOf(index: number): CommandKind {
  const kind = commandKinds[index];
  check(kind !== undefined, "there is no such USB command");
  return kind;
}

function endpoint(value: number): number | null {
  check(value === 0xff || (value & 0x70) === 0, "there is no such endpoint");
  return value === 0xff ? null : value;
}

function whole(value: bigint): number {
  check(value <= Number.MAX_SAFE_INTEGER, "a USB slot has counted too far");
  return Number(value);
}

// What can be seen of programs from outside: all that checks and people go by. A copy is plain data,
// so that a program that is only remembered can be seen as well.

import type { Instant } from "@caraway/channel";
import type { UsbSlotState } from "@caraway/testcard";

export interface Key {
  readonly code: number;
  readonly down: boolean;
}

export interface ClientStream {
  /** Null while it is not open. */
  key: number | null;
  /** How often it was opened: bytes may be lost from one life to the next. */
  lives: number;
  /** Bytes that came, with the life in which they came. */
  readonly heard: { readonly byte: number; readonly life: number }[];
  sent: number;
}

export interface ClientView {
  readonly name: string;
  readonly isAlive: boolean;
  readonly isOpened: boolean;
  /** Whether it is someone's window on a guest still. */
  readonly isThere: boolean;
  /** Whether it ever had a session. */
  readonly wasThere: boolean;
  /** What its session was ended by; null when by nothing, or not at all. */
  readonly endedBy: string | null;
  /** The address that it is attached to: `source:1`. */
  readonly address: string;
  /** Labels of the channels that it has, and of those that it had and has no more. */
  readonly channels: readonly string[];
  readonly lost: readonly string[];
  /** What display 0 shows, row by row; null when it shows nothing. */
  readonly colors: Uint32Array | null;
  /** What was typed here, in order. */
  readonly typed: readonly Key[];
  /** Keys that are down here. */
  readonly heldKeys: readonly number[];
  /** How far the mouse went. */
  readonly moved: number;
  /** The guest's stream as it is seen here; byte n of either direction is n modulo 256. */
  readonly stream: Readonly<ClientStream>;
}

export interface GuestView {
  readonly isRunning: boolean;
  /** Colours `0xffRRGGBB`, row by row. */
  readonly colors: Uint32Array;
  readonly keys: readonly Key[];
  /** Keys that are down. */
  readonly held: readonly number[];
  readonly moved: number;
  readonly hasStream: boolean;
  /** What the far end of the stream sent. */
  readonly streamHeard: readonly number[];
  /** How many bytes it sent; byte n is n modulo 256. */
  readonly streamSent: number;
  /** Its USB slot; null when it has none. */
  readonly usb: { readonly state: UsbSlotState } | null;
  /** Whether it has commands left for a stick, and how often it was saved amid one. */
  readonly mayUseUsb: boolean;
  readonly busyMoves: number;
  /** What does not keep to the contract, in words. */
  readonly complaints: readonly string[];
}

export interface SeatView {
  readonly address: string;
  readonly guest: GuestView | null;
  /** When a move gave the guest to it. */
  readonly heldSince: Instant | null;
}

/** How a move ended, as the source's host was told. */
export interface MoveEnd {
  readonly owner: "source" | "target";
  readonly error: string | null;
}

export interface MovingView {
  /** Moves that began here, and how they ended. */
  readonly begun: number;
  readonly ends: readonly MoveEnd[];
  /** Whether a move is under way that could be called off. */
  readonly isMoving: boolean;
  /** Whether a guest came whose clients are not all back: it is not sent on before. */
  readonly isSettling: boolean;
  readonly isExpecting: boolean;
  /** Waits for an operator, or for the other host. */
  readonly isInDoubt: boolean;
  /** Whether one of its movers waits for something. */
  readonly isWaiting: boolean;
}

export interface HostView {
  readonly name: string;
  readonly isAlive: boolean;
  readonly seats: readonly SeatView[];
  readonly hasRunningGuest: boolean;
  readonly moving: MovingView;
  /** What its servers say that their guests have done wrong. */
  readonly faults: readonly string[];
}

export function copyClient(view: ClientView): ClientView {
  const { name, isAlive, isOpened, isThere, wasThere, endedBy, address, colors, moved } = view;
  const { channels, lost, heldKeys, typed, stream } = view;
  return {
    ...{ name, isAlive, isOpened, isThere, wasThere, endedBy, address, colors, moved },
    ...{ channels, lost, heldKeys },
    typed: [...typed],
    stream: { ...stream, heard: [...stream.heard] },
  };
}

export function copyHost(view: HostView): HostView {
  const { name, isAlive, seats, hasRunningGuest, moving, faults } = view;
  const { begun, ends, isMoving, isSettling, isExpecting, isInDoubt, isWaiting } = moving;
  return {
    ...{ name, isAlive, hasRunningGuest },
    seats: seats.map(copySeat),
    moving: {
      ...{ begun, isMoving, isSettling, isExpecting, isInDoubt, isWaiting },
      ends: [...ends],
    },
    faults: [...faults],
  };
}

function copySeat({ address, guest, heldSince }: SeatView): SeatView {
  return { address, heldSince, guest: guest === null ? null : copyGuest(guest) };
}

function copyGuest(guest: GuestView): GuestView {
  const { isRunning, colors, keys, held, moved, hasStream } = guest;
  const { streamHeard, streamSent, complaints, mayUseUsb, busyMoves, usb } = guest;
  return {
    ...{ isRunning, colors, moved, hasStream, streamSent, mayUseUsb, busyMoves },
    usb: usb === null ? null : { state: structuredClone(usb.state) },
    ...{ keys: [...keys], held: [...held] },
    ...{ streamHeard: [...streamHeard], complaints: [...complaints] },
  };
}

/** A connection as it is seen from outside. */
export interface WireView {
  readonly id: number;
  readonly caller: string;
  readonly host: string;
  /** What it is for: `inputs 0`. */
  readonly purpose: string;
  readonly label: string;
  /** The link stage was a success; the client has brought the channel's state. */
  readonly isLinked: boolean;
  readonly isRestored: boolean;
  /** Whether both ends have it. */
  readonly isWhole: boolean;
}

/** A world as it is seen from outside. */
export interface Scene {
  readonly now: Instant;
  readonly options: { readonly slackMs: number };
  /** Faults that struck. */
  readonly struck: readonly string[];
  readonly clients: readonly ClientView[];
  readonly hosts: readonly HostView[];
  /** Every server with its guest, on hosts that live. */
  readonly seats: readonly SeatView[];
  readonly network: { readonly connections: readonly WireView[] };
  /** What programs at work say of themselves. */
  snapshots(): readonly { readonly name: string; readonly snapshot: unknown }[];
}

/** Connections, as far as anybody asks. */
export class Wires {
  readonly #find: () => readonly WireView[];

  constructor(find: () => readonly WireView[]) {
    this.#find = find;
  }

  get connections(): readonly WireView[] {
    return this.#find();
  }
}

/** Where guests are, and whether they run, in a word. */
export function guestsText({ isAlive, seats }: HostView): string {
  const texts = seats.map(({ guest, address, heldSince }) => {
    return `${address} ${guest?.isRunning} ${heldSince}`;
  });
  return `${isAlive} ${texts.join()}`;
}

// The contract between a guest and a server: all that a VM offers a display server and takes from
// it. Three kinds stand behind it: a guest written as a machine (the testcard), a hypervisor's VM
// behind an adapter, and whatever an embedder writes.

import type { Box } from "@caraway/canvas";
import type { Instant, Machine } from "@caraway/channel";
import type { CursorType, Head, SurfaceFormat } from "@caraway/protocol";
import type { CarawayError, Infer } from "@caraway/wire";
import type { GuestDevice, MonitorWish, SoundFormat, StreamName } from "./guest-device.ts";
import type { Drawing, SurfacePixels } from "./guest-drawing.ts";

/**
 * A guest is a machine under the same law as all others: one input, then drain `poll` until null,
 * then look at `deadline`. A guest with inputs of its own (a hypervisor behind a socket) takes them
 * through its own driver and then asks the server's driver to drain it.
 *
 * It first describes itself: `identity`, an `attach` for each device, its surfaces with their
 * content, monitors, cursors, LEDs, streams that are open and sound that runs; then says `ready`,
 * and goes on from there. A guest that was loaded from a state describes itself in the same way,
 * and so does one whose adapter connected again.
 *
 * A guest begins stopped. While it is stopped it says nothing but its description, `running` and
 * what it was asked for; bytes and pixels that a device still held when it stopped come before
 * `running: false`. The server never keeps it waiting for drawing, pointer or sound; only streams
 * have backpressure.
 *
 * Arrays that either side hands over belong to the other from then on and do not change any more.
 */
export interface Guest extends Machine<GuestInput, GuestOutput> {
  /** What it counts of itself, for people and tests: numbers by names of its own. */
  facts?(): Readonly<Record<string, number>>;
}

/** A guest whose whole state fits into bytes, so that it can go on in another process. */
export interface SavableGuest extends Guest {
  /** Callable when it is stopped and drained. Times in it are relative to `now`. */
  save(now: Instant): Uint8Array;
}

/**
 * Makes a guest of what `save` returned: stopped, about to describe itself.
 *
 * @throws CarawayError when the bytes are not a state of such a guest; they come from a network.
 */
export type LoadGuest = (state: Uint8Array, now: Instant) => SavableGuest;

/** From the server to the guest. */
export type GuestInput =
  | { readonly type: "timeout" }
  /** Go on, or stop; answered by `running` when it is so. Stopping freezes the guest's clock. */
  | { readonly type: "run" }
  | { readonly type: "stop" }
  | KeyboardInput
  | PointerInput
  /** What the clients' windows would like to show; there is no answer but new `monitors`. */
  | { readonly type: "monitors-wish"; readonly monitors: readonly MonitorWish[] }
  | StreamTraffic
  /** Somebody at the server's end opened the stream, or nobody is there any more. */
  | { readonly type: "stream-open"; readonly stream: StreamName; readonly open: boolean }
  /** A break on a port. */
  | { readonly type: "stream-break"; readonly stream: StreamName }
  /** Sound for a `record` device between its `record-start` and `record-stop`. */
  | { readonly type: "record-samples"; readonly device: number; readonly samples: Uint8Array };

/** From the guest to the server. */
export type GuestOutput =
  /** `uuid` is 16 bytes. May come again when it changes. */
  | { readonly type: "identity"; readonly name: string; readonly uuid: Uint8Array | null }
  | { readonly type: "attach"; readonly device: GuestDevice }
  /** All that the device has (surfaces, cursor, credit) goes with it. */
  | { readonly type: "detach"; readonly device: GuestDevice }
  /** The description is complete: clients may come. */
  | { readonly type: "ready" }
  | { readonly type: "running"; readonly running: boolean }
  | DisplayOutput
  | CursorOutput
  /** Lock LEDs that are on, as `KeyboardModifier` bits. */
  | { readonly type: "leds"; readonly modifiers: number }
  | StreamTraffic
  /** The guest opened the stream's other end (an agent that starts) or closed it. */
  | { readonly type: "stream-open"; readonly stream: StreamName; readonly open: boolean }
  | SoundOutput
  /** The guest is over: it was shut down, or its adapter lost it. Nothing follows. */
  | { readonly type: "ended"; readonly error: CarawayError | null };

/**
 * Keys, as PC/AT set 1 codes without the release bit: one byte, `0xe000 | byte` for keys that begin
 * with 0xe0, and 0xe11d45 for Pause. A press may come again while the key is down, as keyboards
 * repeat, and so may a release while it is up: clients release keys once more when they lose the
 * focus, or move. Every key that is pressed is released at last, also when its client is gone. Lock
 * keys come as presses and releases like any other.
 */
export interface KeyboardInput {
  readonly type: "key";
  readonly code: number;
  readonly down: boolean;
}

/** `buttons`: `MouseButtonMask` bits that are held after the input. */
export type PointerInput =
  /** For a `mouse`. */
  | {
      readonly type: "mouse-motion";
      readonly dx: number;
      readonly dy: number;
      readonly buttons: number;
    }
  /** For a `tablet`: pixels of the display's primary surface, from 0. */
  | {
      readonly type: "tablet-position";
      readonly display: number;
      readonly x: number;
      readonly y: number;
      readonly buttons: number;
    }
  /** For whichever of the two is in use. */
  | { readonly type: "buttons"; readonly buttons: number }
  /** One notch of the wheel; `steps` is -1 away from the user, 1 toward. */
  | { readonly type: "wheel"; readonly steps: -1 | 1; readonly buttons: number };

export type DisplayOutput =
  /**
   * Surface 0 is the primary one, which the display shows; the others are off screen and only
   * drawn from. `content` null: black and transparent. A primary surface of another size is made
   * by destroying the old one first.
   */
  | {
      readonly type: "surface-create";
      readonly display: number;
      readonly surface: number;
      readonly width: number;
      readonly height: number;
      readonly format: SurfaceFormat;
      readonly content: SurfacePixels | null;
    }
  | { readonly type: "surface-destroy"; readonly display: number; readonly surface: number }
  /** A drawing, in the order of time with all others of its display. */
  | { readonly type: "draw"; readonly display: number; readonly drawing: Drawing }
  /**
   * New pixels of a part of a surface that lies inside it: what a framebuffer with dirty rectangles
   * has to offer. The server merges them for clients that are slow.
   */
  | {
      readonly type: "update";
      readonly display: number;
      readonly surface: number;
      readonly box: Box;
      readonly pixels: SurfacePixels;
    }
  /** Which part of which surface each monitor shows; without it, one monitor shows surface 0. */
  | {
      readonly type: "monitors";
      readonly display: number;
      readonly maxAllowed: number;
      readonly heads: readonly Infer<typeof Head>[];
    };

export type CursorOutput =
  /** A new shape, null for none; hot spot and data as in docs/formats/cursor.md. */
  | {
      readonly type: "cursor-shape";
      readonly display: number;
      readonly shape: GuestCursor | null;
    }
  /** Where the guest's pointer is: used in mouse mode SERVER. */
  | {
      readonly type: "cursor-move";
      readonly display: number;
      readonly x: number;
      readonly y: number;
      readonly visible: boolean;
    };

export interface GuestCursor {
  /** Shapes with the same key are the same for ever; null: not cached. */
  readonly key: bigint | null;
  readonly type: (typeof CursorType)[keyof typeof CursorType];
  readonly width: number;
  readonly height: number;
  readonly hotSpotX: number;
  readonly hotSpotY: number;
  readonly data: Uint8Array;
}

/**
 * Bytes in either direction, and leave to send them. Each side may hand over as many bytes as the
 * other granted, counted from zero at `attach`; a side that grants nothing gets nothing. Bytes are
 * neither lost nor doubled, and their boundaries mean nothing. What was granted and not used stays
 * good while the stream is attached, whoever is at the other end.
 */
export type StreamTraffic =
  | { readonly type: "stream-data"; readonly stream: StreamName; readonly bytes: Uint8Array }
  /** So many bytes more than before may come. */
  | { readonly type: "stream-credit"; readonly stream: StreamName; readonly bytes: number };

export type SoundOutput =
  | { readonly type: "playback-start"; readonly device: number; readonly format: SoundFormat }
  /** Whole frames in real time; each part is heard after the one before. */
  | { readonly type: "playback-samples"; readonly device: number; readonly samples: Uint8Array }
  | { readonly type: "playback-stop"; readonly device: number }
  | { readonly type: "record-start"; readonly device: number; readonly format: SoundFormat }
  | { readonly type: "record-stop"; readonly device: number }
  /** Volume of each channel, 0 to 65535. */
  | {
      readonly type: "volume";
      readonly kind: "playback" | "record";
      readonly device: number;
      readonly volume: readonly number[];
      readonly mute: boolean;
    };

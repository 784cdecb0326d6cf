// The devices that a guest may have, as the server sees them. Each becomes channels or powers of a
// session: a display brings a display and a cursor channel, a tablet brings mouse mode CLIENT, a
// stream named `agent` the agent inside the main channel.

/** What the bytes of a stream are; each has its channel type, the agent lives in the main channel. */
export type StreamUse = "agent" | "usbredir" | "smartcard" | "port" | "webdav";

/**
 * `id` tells devices of one kind apart. It is the id of their channel, so displays count from 0
 * without gaps, and a device that comes back after `detach` is a new one for its clients.
 */
export type GuestDevice =
  | { readonly kind: "display"; readonly id: number; readonly hardware?: DisplayHardware }
  | { readonly kind: "keyboard" }
  /** Relative motion. */
  | { readonly kind: "mouse" }
  /** Absolute positions. The server offers mouse mode CLIENT as long as it is attached. */
  | { readonly kind: "tablet" }
  /** Takes `monitors-wish`. Without it, what clients wish goes to the guest's agent. */
  | { readonly kind: "monitors" }
  | { readonly kind: "playback"; readonly id: number }
  | { readonly kind: "record"; readonly id: number }
  /** `name` is that of a port, such as `org.spice-space.webdav.0`. */
  | {
      readonly kind: "stream";
      readonly id: number;
      readonly use: StreamUse;
      readonly name: string;
    };

/** What a display is in the guest's machine, for the guest's agent to find its monitors. */
export interface DisplayHardware {
  /** As the agent looks for it: `pci/0000/02.0`. */
  readonly address: string;
  /** Of each monitor, the device's output. */
  readonly outputs: readonly number[];
}

/** Which stream: `use` and `id` name it together. */
export interface StreamName {
  readonly use: StreamUse;
  readonly id: number;
}

/** Interleaved signed samples of 16 bits, lowest byte first. */
export interface SoundFormat {
  readonly channels: number;
  readonly frequency: number;
}

/** A part of the desktop that a client's window wants to show, or a guest's screen shows. */
export interface MonitorWish {
  /** Number of the monitor, counted over all displays. */
  readonly id: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

// Opus for sound: a library codes and decodes it, outside of the machine.

import type { SoundFormat } from "./guest-device.ts";

/**
 * Tasks of one `stream` are given one after the other, and share an encoder or a decoder; a new
 * stream of the same `device` (and of the same connection) ends the one before.
 */
export type SoundTask =
  | {
      readonly kind: "opus-encode";
      readonly device: number;
      readonly stream: number;
      readonly format: SoundFormat;
      /** 10 ms of samples of 16 bits. */
      readonly samples: Uint8Array;
    }
  | {
      readonly kind: "opus-decode";
      readonly device: number;
      readonly stream: number;
      readonly format: SoundFormat;
      readonly packet: Uint8Array;
    };

export type SoundTaskResult =
  | { readonly kind: "opus-encode"; readonly packet: Uint8Array }
  | { readonly kind: "opus-decode"; readonly samples: Uint8Array }
  | { readonly kind: "failed"; readonly detail: string };

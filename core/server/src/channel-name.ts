// Channels by name, and what each kind of them may receive.

import { ChannelType } from "@caraway/protocol";
import type { ChannelSecurity, ChannelTypeName } from "./options.ts";

export type { ChannelSecurity };

export interface ChannelId {
  readonly name: ChannelTypeName;
  readonly id: number;
}

const types: Readonly<Record<ChannelTypeName, ChannelType>> = {
  main: ChannelType.MAIN,
  display: ChannelType.DISPLAY,
  inputs: ChannelType.INPUTS,
  cursor: ChannelType.CURSOR,
  playback: ChannelType.PLAYBACK,
  record: ChannelType.RECORD,
  smartcard: ChannelType.SMARTCARD,
  usbredir: ChannelType.USBREDIR,
  port: ChannelType.PORT,
  webdav: ChannelType.WEBDAV,
};

const names = new Map(
  Object.entries(types).map(([name, type]) => [type, name as ChannelTypeName] as const),
);

export function channelTypeOf(name: ChannelTypeName): ChannelType {
  return types[name];
}

/** null for a type that is none. */
export function channelNameOf(type: number): ChannelTypeName | null {
  return names.get(type as ChannelType) ?? null;
}

/** `display 0`. */
export function channelLabel({ name, id }: ChannelId): string {
  return `${name} ${id}`;
}

/** Largest message body from a client, as spice-server takes it. */
export function bodySizeMax(name: ChannelTypeName): number {
  switch (name) {
    case "main":
      return 4096 + 11 * 2048;
    case "inputs":
      return 2048;
    case "display":
    case "cursor":
      return 1024;
    case "usbredir":
    case "port":
    case "webdav":
    case "smartcard":
      // MIGRATE_DATA has all that waited for the guest.
      return 32 << 20;
    default:
      return 1 << 20;
  }
}

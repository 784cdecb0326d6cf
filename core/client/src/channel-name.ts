// How people, flags and events name a channel.

import { ChannelType } from "@caraway/protocol";

export const channelNames = [
  "main",
  "display",
  "inputs",
  "cursor",
  "playback",
  "record",
  "smartcard",
  "usbredir",
  "port",
  "webdav",
] as const;

export type ChannelName = (typeof channelNames)[number];

export interface ChannelId {
  readonly name: ChannelName;
  readonly id: number;
}

const typeByName: Readonly<Record<ChannelName, number>> = {
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

export function channelType(name: ChannelName): number {
  return typeByName[name];
}

export function channelNameOf(type: number): ChannelName | null {
  return channelNames.find((name) => typeByName[name] === type) ?? null;
}

/** `display 0`. */
export function channelLabel(channel: ChannelId): string {
  return `${channel.name} ${channel.id}`;
}

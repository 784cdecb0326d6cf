// What each kind of channel has to hand over when it moves to another server, as spice-server and
// its clients expect it.

import { MigrateFlag } from "@caraway/protocol";
import type { ChannelTypeName } from "./options.ts";

const { NEED_FLUSH, NEED_DATA_TRANSFER } = MigrateFlag;
const state = NEED_FLUSH | NEED_DATA_TRANSFER;

const flags: Readonly<Record<ChannelTypeName, number>> = {
  main: state,
  display: state,
  inputs: state,
  smartcard: state,
  usbredir: state,
  port: state,
  webdav: state,
  // Clients send nothing there that has to be waited for, and know no data for them.
  cursor: 0,
  playback: 0,
  record: 0,
};

/** `MigrateFlag` bits of MIGRATE. */
export function migrateFlagsOf(channel: ChannelTypeName): number {
  return flags[channel];
}

/** Whether the channel's state comes as MIGRATE_DATA through the client. */
export function hasMigrationData(channel: ChannelTypeName): boolean {
  return (flags[channel] & NEED_DATA_TRANSFER) !== 0;
}

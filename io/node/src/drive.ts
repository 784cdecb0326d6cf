// Drives a machine on Node: with sockets, timers and OpenSSL.

import type { Machine } from "@caraway/channel";
import {
  type Driver,
  type DriverInput,
  type DriverOutput,
  drive as driveOn,
  type DriveOptions as PlatformDriveOptions,
} from "@caraway/driver";
import { nodePlatform } from "./platform.ts";
import type { TransportOptions } from "./transport.ts";

export interface DriveOptions<Extra> extends PlatformDriveOptions<Extra> {
  readonly transport?: TransportOptions;
}

/**
 * `Extra` are the outputs that the driver does not know, other tasks among them; `Command` are
 * the inputs beside the driver's own.
 */
export function drive<Command, Extra extends { readonly type: string }>(
  machine: Machine<DriverInput | Command, DriverOutput | Extra>,
  options: DriveOptions<Extra>,
): Driver<Command> {
  return driveOn(machine, nodePlatform(options.transport), options);
}

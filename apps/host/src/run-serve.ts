// One guest and its server as a process, until a signal ends it.

import { findVideoEncoders, GuestServer } from "@caraway/node";
import { QemuGuest } from "@caraway/qemu";
import type { Guest, ServerEvent } from "@caraway/server";
import { CarawayError } from "@caraway/wire";
import { type GuestFlags, makeTestcard, testcardOptions } from "./guest-flags.ts";
import { listenAddressText } from "./listen-address.ts";
import { isOpenToAll, type ServerFlags, serverSettings } from "./server-settings.ts";
import { HostUsageError } from "./usage-error.ts";

export interface ServeFlags extends ServerFlags, GuestFlags {
  /** QMP socket of a running VM, which is served in place of a testcard. */
  readonly qemu?: string;
}

export interface ServeTold {
  /** Where clients come in, as they write it. */
  listening(addresses: readonly string[]): void;
  event(event: ServerEvent): void;
  /** Something that an operator should think of. */
  warning(text: string): void;
}

const signals = ["SIGINT", "SIGTERM"] as const;

/** Runs until SIGINT or SIGTERM. @throws HostUsageError */
export async function runServe(flags: ServeFlags, told: ServeTold): Promise<void> {
  const encoders = await findVideoEncoders();
  const settings = serverSettings(flags, performance.now(), "spice://127.0.0.1:5900", encoders);
  const { listen, tls, origins, server, saslPasswords } = settings;
  const vm = flags.qemu === undefined ? null : await openVm(flags.qemu);
  const guest: Guest = vm ?? makeTestcard(testcardOptions(flags));
  let fail: (error: unknown) => void = () => {};
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  // Whatever ends it while it starts is told below.
  ended.catch(() => {});
  for (const signal of signals) process.on(signal, end);
  try {
    const running = await GuestServer.start({
      guest,
      listen,
      origins,
      server,
      videoEncoders: settings.videoEncoders,
      ...(tls !== null && { tls }),
      ...(saslPasswords !== null && { saslPasswords }),
      onEvent: (event) => {
        told.event(event);
        if (event.name === "guest-ended") end();
      },
      onFault: fail,
    });
    if (vm !== null) vm.onChanged = () => running.drainGuest();
    if (isOpenToAll(settings)) {
      told.warning("anybody who reaches this port comes in: give --ticket or --sasl");
    }
    told.listening(running.addresses.map(listenAddressText));
    try {
      await ended;
    } finally {
      await running.close();
    }
  } finally {
    for (const signal of signals) process.off(signal, end);
    vm?.close();
  }
}

/** @throws HostUsageError when there is no such VM, or it has no display over D-Bus. */
async function openVm(qmp: string): Promise<QemuGuest> {
  try {
    return await QemuGuest.open({ qmp });
  } catch (error) {
    if (!(error instanceof CarawayError)) throw error;
    throw new HostUsageError(`${error.message} (QEMU needs -display dbus,p2p=yes)`);
  }
}

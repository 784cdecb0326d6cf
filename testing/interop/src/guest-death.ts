// PEER: under emulation, QEMU 7.2 brings some busy guests over dead: their kernel panics behind the
// move, whoever looks on. A test of sessions cannot say anything about such a move, so it is made
// again; a guest that lives and does not get its keys is another matter.

import type { Vm } from "./vm.ts";

export class GuestDied extends Error {}

/** Throws GuestDied, with what it said last, when its shell does not answer within `timeoutMs`. */
export async function demandAlive(vm: Vm, timeoutMs = 45_000): Promise<void> {
  try {
    await vm.shell.run("true", { timeoutMs });
  } catch {
    const last = vm.shell.port.lines.slice(-3).join(" | ");
    throw new GuestDied(`the guest does not answer behind QEMU's move, and said last: ${last}`);
  }
}

/** What `attempt` gives; it is made a second time when the guest has died in the first. */
export async function againIfGuestDied<T>(attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof GuestDied)) throw error;
    process.stdout.write(`  once more: ${error.message}\n`);
    return await attempt();
  }
}

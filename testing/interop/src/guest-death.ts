// PEER: under emulation, QEMU 7.2 loses pages of some busy guests on the way, and their kernel dies of
// it behind the move, whoever looks on. The memory of our machines is such that it does not
// (`memoryArgument` in qemu-arguments.ts). Should one be brought over dead all the same, a test of
// sessions cannot say anything about that move, and it is made again; a guest that lives and does
// not get its keys is another matter.

import type { Vm } from "./vm.ts";

export class GuestDied extends Error {}

/** Throws GuestDied, with what it said last, when its shell does not answer within `timeoutMs`. */
export async function demandAlive(vm: Vm, timeoutMs = 30_000): Promise<void> {
  try {
    await vm.shell.run("true", { timeoutMs });
  } catch {
    const last = vm.shell.port.lines.slice(-3).join(" | ");
    throw new GuestDied(`the guest does not answer behind QEMU's move, and said last: ${last}`);
  }
}

const attemptsMax = 4;

/** What `attempt` gives; it is made again when the guest has died in it, a few times at most. */
export async function againIfGuestDied<T>(attempt: (number: number) => Promise<T>): Promise<T> {
  for (let number = 1; ; number++) {
    try {
      return await attempt(number);
    } catch (error) {
      if (!(error instanceof GuestDied) || number === attemptsMax) throw error;
      process.stdout.write(`  once more: ${error.message}\n`);
    }
  }
}

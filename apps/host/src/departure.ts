// A VM that leaves for a QEMU with SPICE of its own: there is no host at the other end, so that its
// clients carry their sessions over themselves, by the protocol's own messages.

import type { ClientLeft, MoveTarget, ServerEvent } from "@caraway/server";
import type { HostedGuest } from "./hosted-guest.ts";
import { HostConflict } from "./usage-error.ts";

export interface Departure {
  /** Where clients find the other QEMU's SPICE server. */
  readonly target: MoveTarget;
  /** Where the other QEMU awaits the VM: `unix:PATH` or `tcp:HOST:PORT`. */
  readonly uri: string;
}

/** Clients to link to the target, and then to leave. */
const answerWithinMs = 10_000;
const switchWithinMs = 15_000;
const graceMs = 5000;

/**
 * Resolves when the VM is there and its clients have left; what is here may go.
 *
 * @throws HostConflict: it is still here, and runs
 */
export async function depart(
  guest: HostedGuest,
  { target, uri }: Departure,
): Promise<readonly ClientLeft[]> {
  const { vm } = guest;
  if (vm === null) throw new HostConflict(`guest ${guest.name} is no VM`);
  const move = {
    ...{ target, mode: "seamless" as const, policies: {}, peer: false },
    ...{ answerWithinMs, switchWithinMs },
  };
  try {
    const ready = heard(guest, "move-ready", answerWithinMs + graceMs);
    guest.command({ name: "migrate-begin", move });
    await ready;
    await vm.guest.send({ uri, parameters: {} }, () => {});
  } catch (error) {
    guest.command({ name: "migrate-cancel" });
    guest.run();
    throw new HostConflict(error instanceof Error ? error.message : String(error));
  }
  guest.state = "leaving";
  const left = heard(guest, "move-left", switchWithinMs * 6 + graceMs);
  guest.command({ name: "migrate-switch" });
  return (await left).clients;
}

function heard<N extends ServerEvent["name"]>(
  guest: HostedGuest,
  name: N,
  withinMs: number,
): Promise<Extract<ServerEvent, { readonly name: N }>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      forget();
      reject(new Error(`the server does not say ${name}`));
    }, withinMs);
    const forget = guest.listen((event) => {
      if (event.name !== name) return;
      clearTimeout(timer);
      forget();
      resolve(event as Extract<ServerEvent, { readonly name: N }>);
    });
  });
}

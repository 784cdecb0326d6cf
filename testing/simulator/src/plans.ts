// What people, hypervisors and management do in a world.

import type { ClientProcess } from "./client-process.ts";
import type { HostProcess } from "./host-process.ts";
import type { ClientView, HostView } from "./views.ts";

/** Something that a person does with a client. */
export interface ClientAction {
  readonly who: "client";
  readonly name: string;
  readonly label: string;
  /** Whether it can be done yet; at any time when absent. */
  readonly ready?: (client: ClientView) => boolean;
  readonly run: (client: ClientProcess) => void;
}

/** Something that a hypervisor or management does with a host. */
export interface HostAction {
  readonly who: "host";
  readonly name: string;
  readonly label: string;
  readonly ready?: (host: HostView) => boolean;
  readonly run: (host: HostProcess) => void;
}

export type Action = ClientAction | HostAction;

/** What somebody does, in order. */
export interface Plan {
  readonly name: string;
  readonly actions: readonly Action[];
}

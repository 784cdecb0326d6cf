// A VM of QEMU in a process of its own, for hosts that serve it.

export { KeptGuest } from "./kept-guest.ts";
export { type FoundKeeper, findKeepers, startKeeper } from "./start-keeper.ts";
export type { KeeperOrder, VmAdoption, VmDescription, VmStream } from "./vm-description.ts";

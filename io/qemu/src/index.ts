// QEMU's machine protocol and D-Bus display, and a VM behind them as a guest to serve.

export { DbusError } from "./dbus-value.ts";
export {
  type GuestLeftovers,
  LeftoversError,
  noLeftovers,
  readLeftovers,
  writeLeftovers,
} from "./guest-leftovers.ts";
export { QemuGuest, type QemuGuestOptions } from "./qemu-guest.ts";
export { QemuLost } from "./qemu-lost.ts";
export * from "./qemu-move.ts";
export type { QemuStreamOptions } from "./qemu-stream.ts";
export { QmpClient, QmpError, type QmpEvent, type QmpListener } from "./qmp-client.ts";
export { openSocketHanding, type SocketHanding, SocketHandingError } from "./socket-handing.ts";

// QEMU's machine protocol and D-Bus display, and a VM behind them as a guest to serve.

export { DbusError } from "./dbus-value.ts";
export { QemuGuest, type QemuGuestOptions, QemuLost } from "./qemu-guest.ts";
export { QmpClient, QmpError, type QmpEvent, type QmpListener } from "./qmp-client.ts";
export { openSocketHanding, type SocketHanding, SocketHandingError } from "./socket-handing.ts";

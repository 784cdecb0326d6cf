export { type CounterState, type CounterUse, counterBytes } from "./counter-stream.ts";
export { createTestcard, loadTestcard } from "./create-testcard.ts";
export { TestcardError } from "./errors.ts";
export { loadSlots, saveSlots } from "./saved-usb.ts";
export type { TestcardOptions } from "./settings.ts";
export type { StorageState } from "./storage-user.ts";
export type { Testcard } from "./testcard.ts";
export { firstUsbSlot, UsbSlot, type UsbSlotState, usbWindow } from "./usb-slot.ts";

export * from "./guest.ts";
export * from "./guest-device.ts";
export * from "./guest-drawing.ts";

// The clock of sound and video, and the buffer that plays sound evenly.

export * from "./media-clock.ts";
export * from "./playout-buffer.ts";
export * from "./samples.ts";
export * from "./transit-meter.ts";

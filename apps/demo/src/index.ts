// The demo as something that tests start.

export { Demo, type DemoOptions, type DemoState } from "./demo.ts";

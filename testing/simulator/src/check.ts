// What watches a world: it is told of what is read off the wires and of steps, and throws a Violation
// when something is not as it must be.

import type { Finding } from "@caraway/channel";
import type { Scene, WireView } from "./views.ts";

export interface Check {
  /** Something was read off a wire, on the side that sent it. */
  found?(wire: WireView, finding: Finding): void;
  /** Behind each step. */
  stepped?(scene: Scene): void;
  /** When all has come to rest. */
  rested?(scene: Scene): void;
  /** The same with what it has seen so far, for a world that goes on by itself. */
  fork(): Check;
  /** Tells its states apart, where it only listens to wires, to each by itself. */
  key?(): string;
  /** As it would be behind that world, where it looks at steps and remembers what it saw. */
  behind?(before: Scene): Check;
}

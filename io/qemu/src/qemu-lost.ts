// The error of a QEMU that is no longer there for us.

import { CarawayError } from "@caraway/wire";

/** QEMU is gone, or does not do what it should. */
export class QemuLost extends CarawayError {
  readonly code = "QEMU_LOST";
}

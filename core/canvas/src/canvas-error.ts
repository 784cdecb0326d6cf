// What a canvas can find wrong with the messages that it is asked to draw.

import { CarawayError } from "@caraway/wire";

export type CanvasFault =
  /** A message names a surface that is not there. */
  | "NO_SURFACE"
  /** A message names a palette that is not in the cache. */
  | "NO_PALETTE"
  /** Something that would take more memory or time than its bound. */
  | "LIMIT"
  /** An image whose size or kind is not what the message says or the operation can use. */
  | "BAD_IMAGE"
  /** A frame of video that is not wanted any more. */
  | "SKIPPED"
  /** A value that the operation has no meaning for. */
  | "INVALID";

/** A message that cannot be drawn: the server is wrong or hostile. */
export class CanvasError extends CarawayError {
  readonly code: `CANVAS_${CanvasFault}`;

  constructor(fault: CanvasFault, detail: string) {
    super(detail);
    this.code = `CANVAS_${fault}`;
  }
}

// What whoever shows a display hears of it: a client's channel, or the account for clients that
// come from another server.

import type { Box } from "@caraway/canvas";
import type { DrawingShape } from "./drawing-shape.ts";
import type { Drawing } from "./guest-drawing.ts";
import type { ServedSurface } from "./served-surface.ts";

/** A drawing that was done here, for clients to do as well. */
export interface DoneDrawing {
  /** Its pictures are definite. */
  readonly drawing: Drawing;
  readonly surface: ServedSurface;
  /** Disjoint boxes that hold all that it changed. */
  readonly region: readonly Box[];
  readonly bounds: Box;
  readonly reads: readonly { readonly surface: ServedSurface; readonly area: Box | null }[];
  readonly shape: DrawingShape;
  /** Whether the surface was blank before. */
  readonly isFirst: boolean;
}

/** Somebody who shows the display. */
export interface DisplayView {
  created(surface: ServedSurface): void;
  /** Called while its pixels are still there. */
  destroying(surface: ServedSurface): void;
  drawn(done: DoneDrawing): void;
  /** New pixels without a drawing. */
  updated(surface: ServedSurface, box: Box): void;
  monitorsChanged(): void;
  /** Another part of the primary surface behaves like video, or one no longer does. */
  videosChanged?(): void;
}

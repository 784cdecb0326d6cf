// Where a client's surfaces are not exact, because pictures were compressed with losses. What is
// drawn from such pixels is not exact either; when there is time, all of it is sent again.

import type { Box } from "@caraway/canvas";
import { BoxSet } from "./box-set.ts";
import type { SurfaceShape } from "./display-queue.ts";
import type { DoneDrawing } from "./display-view.ts";
import type { ServedSurface } from "./served-surface.ts";

export class LossyAreas {
  readonly #areas = new Map<ServedSurface, BoxSet>();

  get isEmpty(): boolean {
    return this.#areas.size === 0;
  }

  /** Pixels were sent; `isLossy` tells how. */
  sent(surface: ServedSurface, box: Box, isLossy: boolean): void {
    const area = this.#areas.get(surface) ?? new BoxSet();
    if (isLossy) area.add(box);
    else area.subtract(box);
    if (area.isEmpty) this.#areas.delete(surface);
    else this.#areas.set(surface, area);
  }

  /** A drawing was sent; `isLossy`: one of its own pictures has losses. */
  drawn({ surface, region, bounds, reads, shape }: DoneDrawing, isLossy: boolean): void {
    const inherits =
      isLossy ||
      reads.some((read) => this.#isLossy(read.surface, read.area ?? read.surface.box)) ||
      (!shape.covers && this.#isLossy(surface, bounds));
    if (inherits) for (const box of region) this.sent(surface, box, true);
    else if (shape.covers) this.sent(surface, bounds, false);
  }

  of(surface: SurfaceShape): readonly Box[] {
    for (const [known, area] of this.#areas) if (known === surface) return area.boxes;
    return [];
  }

  forget(surface: ServedSurface): void {
    this.#areas.delete(surface);
  }

  /** Takes everything. */
  takeAll(): (readonly [ServedSurface, readonly Box[]])[] {
    const all = [...this.#areas].map(([surface, area]) => [surface, area.boxes] as const);
    this.#areas.clear();
    return all;
  }

  snapshot(): unknown {
    return [...this.#areas].map(([{ id }, { boxes }]) => ({ surface: id, boxes }));
  }

  #isLossy(surface: ServedSurface, box: Box): boolean {
    return this.#areas.get(surface)?.touches(box) === true;
  }
}

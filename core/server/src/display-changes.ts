// What has changed on a display since a moment, as areas: for clients that come from another server
// and have all that was there then.

import type { Box } from "@caraway/canvas";
import { BoxSet } from "./box-set.ts";
import type { DisplayView, DoneDrawing } from "./display-view.ts";
import type { ServedSurface } from "./served-surface.ts";

export class DisplayChanges implements DisplayView {
  readonly #areas = new Map<ServedSurface, BoxSet>();

  of(surface: ServedSurface): readonly Box[] {
    return this.#areas.get(surface)?.boxes ?? [];
  }

  created(surface: ServedSurface): void {
    this.#add(surface, [surface.box]);
  }

  destroying(surface: ServedSurface): void {
    this.#areas.delete(surface);
  }

  drawn({ surface, region }: DoneDrawing): void {
    this.#add(surface, region);
  }

  updated(surface: ServedSurface, box: Box): void {
    this.#add(surface, [box]);
  }

  /** Who comes compares them. */
  monitorsChanged(): void {}

  #add(surface: ServedSurface, boxes: readonly Box[]): void {
    const area = this.#areas.get(surface) ?? new BoxSet();
    area.addAll(boxes);
    this.#areas.set(surface, area);
  }
}

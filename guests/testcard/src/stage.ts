// Where changes of the desktop become drawings: on surfaces off screen at once, on the primary
// ones as parts that are to be drawn again.

import type { Box } from "@caraway/canvas";
import type { Drawing } from "@caraway/server";
import type { Desktop, WindowName } from "./desktop.ts";
import { Pen } from "./pen.ts";
import { addBox, boxAt, intersectBoxes, moveBox, type Region } from "./region.ts";
import { insideBox, type Stage } from "./window-kind.ts";
import { windowKinds } from "./windows.ts";

export class DesktopStage implements Stage {
  readonly #desktop: Desktop;
  readonly #draw: (display: number, drawing: Drawing) => void;
  /** By display, what is to be drawn again. */
  #damage = new Map<number, Region>();

  constructor(desktop: Desktop, draw: (display: number, drawing: Drawing) => void) {
    this.#desktop = desktop;
    this.#draw = draw;
  }

  pen(surface: number): Pen {
    return this.penOn(this.#desktop.monitors[0]!.display, surface);
  }

  penOn(display: number, surface: number): Pen {
    return new Pen(surface, (drawing) => this.#draw(display, drawing));
  }

  damage(name: WindowName, box?: Box): void {
    const kind = windowKinds[name];
    for (const place of this.#desktop.windows) {
      if (place.name !== name) continue;
      const inside = insideBox(place, kind);
      const whole = boxAt(0, 0, kind.width, kind.height);
      const part = intersectBoxes(box ?? whole, whole);
      if (part === null) continue;
      const { display } = this.#desktop.monitors[place.monitor]!;
      this.damageOn(display, moveBox(part, inside.left, inside.top));
    }
  }

  damageOn(display: number, box: Box): void {
    this.#damage.set(display, addBox(this.#damage.get(display) ?? [], box));
  }

  /** What is to be drawn again, by display; from now on nothing is. */
  takeDamage(): ReadonlyMap<number, Region> {
    const damage = this.#damage;
    this.#damage = new Map();
    return damage;
  }
}

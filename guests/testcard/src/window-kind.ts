// What every window of the desktop has in common: a frame with a title, and an inside that its own
// file draws and that hears the pointer.

import type { Box } from "@caraway/canvas";
import type { SurfaceFormat } from "@caraway/protocol";
import type { CursorName } from "./cursor-shapes.ts";
import type { Desktop, WindowName, WindowPlace } from "./desktop.ts";
import type { Pen } from "./pen.ts";
import { boxAt, growBox, type Point } from "./region.ts";

/** What a change of the desktop does to the pixels. */
export interface Stage {
  /** A pen that draws at once, on a surface off screen. */
  pen(surface: number): Pen;
  /** This part of the window's inside is to be drawn again; without a box all of it. */
  damage(name: WindowName, box?: Box): void;
}

/** A surface off screen, on the display of the first monitor. */
export interface SurfaceShape {
  readonly id: number;
  readonly width: number;
  readonly height: number;
  readonly format: SurfaceFormat;
}

/** All places are in the window's inside. */
export interface WindowKind {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly surfaces?: readonly SurfaceShape[];
  /** Draws on its surfaces for the first time. */
  setUp?(desktop: Desktop, stage: Stage): void;
  draw(desktop: Desktop, pen: Pen, place: WindowPlace): void;
  cursorAt(at: Point): CursorName;
  /** The left button went down. */
  press?(desktop: Desktop, stage: Stage, at: Point): void;
  /** The pointer moves while the left button is held. */
  drag?(desktop: Desktop, stage: Stage, at: Point): void;
  release?(desktop: Desktop, stage: Stage): void;
  wheel?(desktop: Desktop, stage: Stage, steps: number): void;
  /** Brings what moves by itself to where it is by now. */
  tick?(desktop: Desktop, stage: Stage): void;
  /** When, on the desktop's clock, `tick` will have something to do. */
  nextTick?(desktop: Desktop): number;
}

export const titleHeight = 22;
const border = 1;
/** How far a shadow reaches beyond its window, and how far it is moved down. */
const shadowReach = 10;
const shadowDrop = 3;

/** The size of a window with its frame. */
export function outerSize({ width, height }: WindowKind): { width: number; height: number } {
  return { width: width + 2 * border, height: height + titleHeight + border };
}

export function outerBox({ left, top }: WindowPlace, kind: WindowKind): Box {
  const { width, height } = outerSize(kind);
  return boxAt(left, top, width, height);
}

export function insideBox({ left, top }: WindowPlace, { width, height }: WindowKind): Box {
  return boxAt(left + border, top + titleHeight, width, height);
}

/** All that the shadow may darken, and the window itself. */
export function shadowBox(outer: Box): Box {
  const grown = growBox(outer, shadowReach);
  return { ...grown, top: grown.top + shadowDrop, bottom: grown.bottom + shadowDrop };
}

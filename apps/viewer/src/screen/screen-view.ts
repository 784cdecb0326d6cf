// One screen of the guest on the page: its canvas, which every session has anew, and the guest's
// pointer where the guest says where that is.

import type { BrowserClient, CursorImage, ScreenInfo } from "@caraway/browser";
import { cursorCanvas, cursorStyle } from "./cursor-style.ts";

export class ScreenView {
  readonly element: HTMLElement;
  #info: ScreenInfo;
  #canvas: HTMLCanvasElement | null = null;
  /** What an earlier session painted, until this one has. */
  #past: HTMLCanvasElement | null = null;
  #pointer: HTMLCanvasElement | null = null;
  #pointerImage: CursorImage | null = null;
  #pointerPlace = { x: 0, y: 0, visible: false };
  /** The guest moves the pointer, so that it is drawn here. */
  #drawsPointer = false;
  /** CSS pixels of a guest pixel. */
  #scale = 1;

  constructor(info: ScreenInfo, owner: Document) {
    this.#info = info;
    this.element = owner.createElement("div");
    this.element.className = "screen";
    this.element.part.add("screen");
    this.element.dataset["screen"] = info.key;
  }

  get info(): ScreenInfo {
    return this.#info;
  }

  set info(info: ScreenInfo) {
    this.#info = info;
  }

  /** A new canvas for a client; what was seen so far stays until the client has painted. */
  attach(client: BrowserClient): void {
    if (this.#past !== null) this.#canvas?.remove();
    else this.#past = this.#canvas;
    const canvas = this.element.ownerDocument.createElement("canvas");
    canvas.part.add("canvas");
    canvas.className = this.#past === null ? "" : "coming";
    this.element.append(canvas);
    this.#canvas = canvas;
    client.attach(this.#info.key, canvas);
  }

  painted(): void {
    this.#past?.remove();
    this.#past = null;
    if (this.#canvas !== null) this.#canvas.className = "";
  }

  /** Places it in the arrangement; all in CSS pixels but `scale`. */
  place(left: number, top: number, scale: number, pixelated: boolean): void {
    const { style } = this.element;
    this.#scale = scale;
    style.left = `${left}px`;
    style.top = `${top}px`;
    style.width = `${this.#info.width * scale}px`;
    style.height = `${this.#info.height * scale}px`;
    style.imageRendering = pixelated ? "pixelated" : "auto";
    this.#placePointer();
  }

  /** The CSS cursor over this screen. */
  cursor(image: CursorImage | null, pixelsPerCss: number, hidesAlways: boolean): void {
    this.element.style.cursor = hidesAlways
      ? "none"
      : cursorStyle(image, pixelsPerCss, this.element.ownerDocument);
  }

  defaultCursor(): void {
    this.element.style.cursor = "default";
  }

  /** Draws the guest's pointer here; null image: it is hidden. */
  drawPointer(image: CursorImage | null): void {
    if (image !== this.#pointerImage) {
      this.#pointer?.remove();
      this.#pointer = image === null ? null : cursorCanvas(image, this.element.ownerDocument);
      this.#pointerImage = image;
      if (this.#pointer !== null) {
        this.#pointer.className = "pointer";
        this.#pointer.ariaHidden = "true";
        this.element.append(this.#pointer);
      }
    }
    this.#drawsPointer = true;
    this.#placePointer();
  }

  hidePointer(): void {
    this.#drawsPointer = false;
    this.#placePointer();
  }

  /** Where the guest says that its pointer is, in pixels of the channel's surface. */
  movePointer(x: number, y: number, visible: boolean): void {
    this.#pointerPlace = { x, y, visible };
    this.#placePointer();
  }

  /** A place of the window in pixels of the channel's surface, within this screen. */
  toGuest(clientX: number, clientY: number): { x: number; y: number } {
    const box = this.element.getBoundingClientRect();
    const { x, y, width, height } = this.#info;
    const inside = (value: number, side: number) => Math.max(0, Math.min(side - 1, value));
    return {
      x: x + inside(Math.floor(((clientX - box.left) * width) / box.width), width),
      y: y + inside(Math.floor(((clientY - box.top) * height) / box.height), height),
    };
  }

  #placePointer(): void {
    const pointer = this.#pointer;
    const image = this.#pointerImage;
    if (pointer === null || image === null) return;
    const { x, y, visible } = this.#pointerPlace;
    const { x: left, y: top, width, height } = this.#info;
    const isHere = x >= left && y >= top && x < left + width && y < top + height;
    pointer.hidden = !(this.#drawsPointer && visible && isHere);
    pointer.style.left = `${(x - left - image.hotSpotX) * this.#scale}px`;
    pointer.style.top = `${(y - top - image.hotSpotY) * this.#scale}px`;
    pointer.style.width = `${image.width * this.#scale}px`;
    pointer.style.height = `${image.height * this.#scale}px`;
  }
}

// Where screens are shown: a part of a page that holds one or more of them, scaled, zoomed and
// panned, with the guest's pointer. The viewer has one; screens in windows of their own have others.

import type { BrowserClient, CursorImage, ScreenInfo, ScreenKey } from "@caraway/browser";
import type { MouseModeName } from "@caraway/client";
import {
  type Arrangement,
  arrange,
  isPixelated,
  nativeScale,
  type Scaling,
  type Size,
  scaleOf,
} from "./screen-layout.ts";
import { ScreenView } from "./screen-view.ts";

export interface StageOptions {
  readonly scaling: Scaling;
  readonly highDpi: boolean;
}

/** A place on a screen. */
export interface GuestPoint {
  readonly channel: number;
  /** In pixels of the channel's surface. */
  readonly x: number;
  readonly y: number;
}

const zoomMax = 6;

export class Stage {
  /** Scrolls when its content is larger. */
  readonly element: HTMLElement;
  readonly #content: HTMLElement;
  readonly #views = new Map<ScreenKey, ScreenView>();
  /** Screens that the present client paints. */
  readonly #attached = new Set<ScreenKey>();
  readonly #cursors = new Map<number, CursorImage | null>();
  readonly #observer: ResizeObserver;
  #options: StageOptions = { scaling: "fit", highDpi: false };
  #client: BrowserClient | null = null;
  #arrangement: Arrangement = { screens: [], width: 0, height: 0 };
  #zoom = 1;
  #scale = 1;
  #mouseMode: MouseModeName = "client";
  #viewOnly = false;

  /** `resized` hears of the space that there is, whenever that has changed. */
  constructor(owner: Document, resized: (space: Size) => void) {
    this.element = owner.createElement("div");
    this.element.className = "stage";
    this.element.part.add("stage");
    this.#content = owner.createElement("div");
    this.#content.className = "content";
    this.element.append(this.#content);
    this.#observer = new ResizeObserver(() => {
      this.#layOut();
      resized(this.space);
    });
    this.#observer.observe(this.element);
  }

  close(): void {
    this.#observer.disconnect();
    this.element.remove();
  }

  get space(): Size {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  get devicePixelRatio(): number {
    return this.element.ownerDocument.defaultView?.devicePixelRatio ?? 1;
  }

  /** CSS pixels of a guest pixel. */
  get scale(): number {
    return this.#scale;
  }

  set options(options: StageOptions) {
    this.#options = options;
    this.#zoom = 1;
    this.#layOut();
    this.#showCursors();
  }

  /** The next screens are those of another client. */
  begin(client: BrowserClient): void {
    this.#client = client;
    this.#attached.clear();
  }

  show(screens: readonly ScreenInfo[]): void {
    const keys = new Set(screens.map(({ key }) => key));
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      view.element.remove();
      this.#views.delete(key);
      this.#attached.delete(key);
    }
    for (const info of screens) {
      const view = this.#views.get(info.key) ?? this.#add(info);
      view.info = info;
      if (this.#attached.has(info.key) || this.#client === null) continue;
      this.#attached.add(info.key);
      view.attach(this.#client);
    }
    this.#arrangement = arrange(screens);
    this.#layOut();
    this.#showCursors();
  }

  painted(key: ScreenKey): void {
    this.#views.get(key)?.painted();
  }

  get views(): readonly ScreenView[] {
    return [...this.#views.values()];
  }

  // The pointer.

  set mouseMode(mode: MouseModeName) {
    this.#mouseMode = mode;
    this.#showCursors();
  }

  set viewOnly(viewOnly: boolean) {
    this.#viewOnly = viewOnly;
    this.#showCursors();
  }

  cursor(channel: number, image: CursorImage | null): void {
    this.#cursors.set(channel, image);
    this.#showCursors();
  }

  moveCursor(channel: number, x: number, y: number, visible: boolean): void {
    for (const view of this.#views.values()) {
      if (view.info.channel === channel) view.movePointer(x, y, visible);
    }
  }

  #showCursors(): void {
    const pixelsPerCss = this.#options.highDpi ? this.devicePixelRatio : 1;
    for (const view of this.#views.values()) {
      const image = this.#cursors.get(view.info.channel);
      if (this.#mouseMode === "client" && !this.#viewOnly) {
        view.hidePointer();
        if (image === undefined) view.defaultCursor();
        else view.cursor(image, pixelsPerCss, false);
      } else {
        view.drawPointer(image ?? null);
        view.defaultCursor();
      }
    }
  }

  // Places.

  /** The place on the screen under, or nearest to, a place of the window; null without screens. */
  locate(clientX: number, clientY: number): GuestPoint | null {
    let nearest: ScreenView | null = null;
    let distance = Number.POSITIVE_INFINITY;
    for (const view of this.#views.values()) {
      const { left, top, right, bottom } = view.element.getBoundingClientRect();
      const away = Math.hypot(
        Math.max(left - clientX, 0, clientX - right),
        Math.max(top - clientY, 0, clientY - bottom),
      );
      if (away >= distance) continue;
      [nearest, distance] = [view, away];
    }
    if (nearest === null) return null;
    return { channel: nearest.info.channel, ...nearest.toGuest(clientX, clientY) };
  }

  /** Whether the content is larger than the space, so that it can be panned. */
  get canPan(): boolean {
    const { element } = this;
    const isWider = element.scrollWidth > element.clientWidth;
    return isWider || element.scrollHeight > element.clientHeight;
  }

  panBy(dx: number, dy: number): void {
    this.element.scrollBy(-dx, -dy);
  }

  /** Enlarges around a place of the window, which stays where it is. */
  zoomBy(factor: number, clientX: number, clientY: number): void {
    const zoom = Math.max(1, Math.min(zoomMax, this.#zoom * factor));
    if (zoom === this.#zoom) return;
    const box = this.element.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    const real = zoom / this.#zoom;
    const [left, top] = [this.element.scrollLeft, this.element.scrollTop];
    this.#zoom = zoom;
    this.#layOut();
    this.element.scrollTo((left + x) * real - x, (top + y) * real - y);
  }

  get zoom(): number {
    return this.#zoom;
  }

  #add(info: ScreenInfo): ScreenView {
    const view = new ScreenView(info, this.element.ownerDocument);
    this.#views.set(info.key, view);
    this.#content.append(view.element);
    return view;
  }

  #layOut(): void {
    const { devicePixelRatio, space } = this;
    const { screens, width, height } = this.#arrangement;
    const content = { width, height };
    const input = { ...this.#options, space, content, devicePixelRatio, zoom: this.#zoom };
    this.#scale = scaleOf(input);
    const pixelated = isPixelated(this.#scale, devicePixelRatio);
    this.#content.style.width = `${width * this.#scale}px`;
    this.#content.style.height = `${height * this.#scale}px`;
    for (const { key, left, top } of screens) {
      this.#views.get(key)?.place(left * this.#scale, top * this.#scale, this.#scale, pixelated);
    }
    // What fits must not get scroll bars from rounding.
    const fits = this.#options.scaling !== "none" && this.#zoom === 1;
    this.element.dataset["pans"] = String(!fits);
    this.element.dataset["native"] = String(this.#scale === nativeScale(input));
  }
}

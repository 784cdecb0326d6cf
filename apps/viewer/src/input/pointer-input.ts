// Mouse, pen and fingers on a stage, as motion and buttons of the guest's mouse.

import type { InputCommand, MouseModeName } from "@caraway/client";
import { MouseButton } from "@caraway/protocol";
import type { Stage } from "../screen/stage.ts";
import { type Gesture, TouchGestures } from "./touch-gestures.ts";
import { Wheel } from "./wheel.ts";

export interface PointerListener {
  send(command: InputCommand): void;
  /** The stage was touched: the keyboard follows. */
  pressed(event: PointerEvent): void;
  lockChanged(isLocked: boolean): void;
}

/** How fingers move the pointer: it goes where they are, or as they go. */
export type TouchMode = "direct" | "trackpad";

/** By the number of a browser's button. */
const buttons: readonly number[] = [
  MouseButton.LEFT,
  MouseButton.MIDDLE,
  MouseButton.RIGHT,
  MouseButton.SIDE,
  MouseButton.EXTRA,
];

const buttonsByFingers: Readonly<Record<number, number>> = {
  1: MouseButton.LEFT,
  2: MouseButton.RIGHT,
  3: MouseButton.MIDDLE,
};

export class PointerInput {
  readonly #stage: Stage;
  readonly #listener: PointerListener;
  readonly #wheel = new Wheel();
  readonly #touchWheel = new Wheel();
  readonly #touch = new TouchGestures();
  readonly #held = new Set<number>();
  readonly #stop = new AbortController();
  #touchTimer: ReturnType<typeof setTimeout> | null = null;
  /** What is left of motion that was no whole pixel of the guest's. */
  #rest = { x: 0, y: 0 };
  /** Where a trackpad's pointer is, in the window. */
  #pad: { readonly x: number; readonly y: number } | null = null;
  mouseMode: MouseModeName = "client";
  touchMode: TouchMode = "direct";
  viewOnly = false;
  /** A mouse drags the content rather than the guest's pointer. */
  pans = false;

  constructor(stage: Stage, listener: PointerListener) {
    this.#stage = stage;
    this.#listener = listener;
    const { element } = stage;
    const { signal } = this.#stop;
    const on = <K extends keyof HTMLElementEventMap>(
      type: K,
      run: (event: HTMLElementEventMap[K]) => void,
    ) => element.addEventListener(type, run, { signal, passive: false });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => this.#cancel(event));
    on("wheel", (event) => this.#scroll(event));
    on("contextmenu", (event) => event.preventDefault());
    // Browsers go back and forth, or paste, with buttons that belong to the guest now.
    on("mousedown", (event) => event.preventDefault());
    on("mouseup", (event) => event.preventDefault());
    on("auxclick", (event) => event.preventDefault());
    on("dragstart", (event) => event.preventDefault());
    element.ownerDocument.addEventListener("pointerlockchange", () => this.#lockChanged(), {
      signal,
    });
  }

  close(): void {
    this.#stop.abort();
    this.#stopTouchTimer();
    this.releaseAll();
  }

  /** Nothing stays pressed. */
  releaseAll(): void {
    for (const button of [...this.#held]) this.#release(button);
    this.#touch.cancel();
    this.#stopTouchTimer();
  }

  get isLocked(): boolean {
    const root = this.#stage.element.getRootNode();
    const { pointerLockElement } = root as Document | ShadowRoot;
    return pointerLockElement === this.#stage.element;
  }

  /** Takes the mouse, until the browser's Escape or `unlock` gives it back. */
  async lock(): Promise<void> {
    const { element } = this.#stage;
    try {
      await element.requestPointerLock({ unadjustedMovement: true });
    } catch {
      // Not every system gives motion as the mouse makes it.
      await Promise.resolve(element.requestPointerLock()).catch(() => {});
    }
  }

  unlock(): void {
    if (this.isLocked) this.#stage.element.ownerDocument.exitPointerLock();
  }

  #down(event: PointerEvent): void {
    event.preventDefault();
    this.#listener.pressed(event);
    this.#capture(event.pointerId);
    if (event.pointerType === "touch") {
      this.#gestures(this.#touch.down(fingerOf(event), event.timeStamp));
      this.#awaitTouch(event.timeStamp);
      return;
    }
    if (this.viewOnly || this.#isPanning) return;
    const wasLocked = this.isLocked;
    if (this.mouseMode === "server" && !wasLocked) {
      // The click that takes the mouse is not for the guest.
      void this.lock();
      return;
    }
    this.#moveTo(event);
    this.#press(buttons[event.button]);
  }

  #move(event: PointerEvent): void {
    if (event.pointerType === "touch") {
      this.#gestures(this.#touch.move(fingerOf(event)));
      return;
    }
    if (this.#isPanning) {
      if (event.buttons !== 0) this.#stage.panBy(event.movementX, event.movementY);
      return;
    }
    if (this.viewOnly) return;
    // Further buttons of a mouse come as moves while one is held.
    this.#moveTo(event);
    if (event.button >= 0) this.#sync(event.buttons);
  }

  #up(event: PointerEvent): void {
    if (event.pointerType === "touch") {
      this.#gestures(this.#touch.up(fingerOf(event), event.timeStamp));
      this.#awaitTouch(event.timeStamp);
      return;
    }
    event.preventDefault();
    if (this.viewOnly || this.#isPanning) return;
    this.#moveTo(event);
    this.#sync(event.buttons);
  }

  #cancel(event: PointerEvent): void {
    if (event.pointerType === "touch") this.#gestures(this.#touch.cancel());
    this.releaseAll();
  }

  get #isPanning(): boolean {
    return this.pans && this.#stage.canPan;
  }

  #capture(pointerId: number): void {
    try {
      this.#stage.element.setPointerCapture(pointerId);
    } catch {
      // The pointer is gone already, or locked.
    }
  }

  #moveTo(event: { clientX: number; clientY: number; movementX: number; movementY: number }): void {
    if (this.mouseMode === "client") this.#position(event.clientX, event.clientY);
    else if (this.isLocked) this.#motion(event.movementX, event.movementY);
  }

  #position(clientX: number, clientY: number): void {
    const point = this.#stage.locate(clientX, clientY);
    if (point === null) return;
    const { channel: display, x, y } = point;
    this.#listener.send({ kind: "position", x, y, display });
  }

  /** By as many CSS pixels. */
  #motion(movementX: number, movementY: number): void {
    const x = this.#rest.x + movementX / this.#stage.scale;
    const y = this.#rest.y + movementY / this.#stage.scale;
    const [dx, dy] = [Math.trunc(x), Math.trunc(y)];
    this.#rest = { x: x - dx, y: y - dy };
    if (dx !== 0 || dy !== 0) this.#listener.send({ kind: "motion", dx, dy });
  }

  /** Presses and releases until the guest holds what a browser says is held. */
  #sync(mask: number): void {
    // Bits of `buttons`: left, right, middle, back, forward.
    const byBit = [0, 2, 1, 3, 4].map((number) => buttons[number]!);
    byBit.forEach((button, bit) => {
      const isHeld = (mask & (1 << bit)) !== 0;
      if (isHeld && !this.#held.has(button)) this.#press(button);
      if (!isHeld && this.#held.has(button)) this.#release(button);
    });
  }

  #press(button: number | undefined): void {
    if (button === undefined) return;
    this.#held.add(button);
    this.#listener.send({ kind: "button-down", button });
  }

  #release(button: number): void {
    this.#held.delete(button);
    this.#listener.send({ kind: "button-up", button });
  }

  #click(button: number): void {
    this.#press(button);
    this.#release(button);
  }

  #scroll(event: WheelEvent): void {
    // Without a guest to scroll, the page scrolls; Ctrl and the wheel zoom neither.
    if (this.viewOnly && !event.ctrlKey) return;
    event.preventDefault();
    if (this.viewOnly) return;
    this.#moveTo(event);
    this.#turn(this.#wheel.turn(event));
  }

  #turn(steps: number): void {
    const button = steps > 0 ? MouseButton.DOWN : MouseButton.UP;
    for (let left = Math.abs(steps); left > 0; left--) this.#click(button);
  }

  // Fingers.

  #gestures(gestures: readonly Gesture[]): void {
    for (const gesture of gestures) this.#gesture(gesture);
  }

  #gesture(gesture: Gesture): void {
    if (gesture.kind === "zoom") {
      this.#stage.zoomBy(gesture.factor, gesture.x, gesture.y);
      return;
    }
    if (gesture.kind === "scroll" && (this.#stage.canPan || this.viewOnly)) {
      this.#stage.panBy(gesture.dx, gesture.dy);
      return;
    }
    if (this.viewOnly) return;
    const isDirect = this.touchMode === "direct" && this.mouseMode === "client";
    switch (gesture.kind) {
      case "tap":
        if (isDirect) this.#position(gesture.x, gesture.y);
        this.#click(buttonsByFingers[gesture.fingers] ?? MouseButton.LEFT);
        break;
      case "drag-start":
        if (isDirect) this.#position(gesture.x, gesture.y);
        if (gesture.hold) this.#press(isDirect ? MouseButton.RIGHT : MouseButton.LEFT);
        else if (isDirect) this.#press(MouseButton.LEFT);
        break;
      case "drag":
        if (isDirect) this.#position(gesture.x, gesture.y);
        else this.#trackpad(gesture.dx, gesture.dy);
        break;
      case "drag-end":
        for (const button of [...this.#held]) this.#release(button);
        break;
      case "scroll":
        this.#turn(this.#touchWheel.turn({ deltaY: -gesture.dy, deltaMode: 0 }));
        break;
    }
  }

  /** Motion without a place; where the guest wants places, from where its pointer was. */
  #trackpad(dx: number, dy: number): void {
    if (this.mouseMode === "server") {
      this.#motion(dx, dy);
      return;
    }
    const { left, top, right, bottom } = this.#stage.element.getBoundingClientRect();
    this.#pad ??= { x: (left + right) / 2, y: (top + bottom) / 2 };
    const x = Math.max(left, Math.min(right, this.#pad.x + dx));
    const y = Math.max(top, Math.min(bottom, this.#pad.y + dy));
    this.#pad = { x, y };
    this.#position(x, y);
  }

  #awaitTouch(now: number): void {
    this.#stopTouchTimer();
    const deadline = this.#touch.deadline();
    if (deadline === null) return;
    this.#touchTimer = setTimeout(() => {
      this.#touchTimer = null;
      this.#gestures(this.#touch.timeout(deadline));
    }, deadline - now);
  }

  #stopTouchTimer(): void {
    if (this.#touchTimer !== null) clearTimeout(this.#touchTimer);
    this.#touchTimer = null;
  }

  #lockChanged(): void {
    if (!this.isLocked) this.releaseAll();
    this.#listener.lockChanged(this.isLocked);
  }
}

function fingerOf(event: PointerEvent): { id: number; x: number; y: number } {
  return { id: event.pointerId, x: event.clientX, y: event.clientY };
}

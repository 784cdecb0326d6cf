// Everything that a user does with keyboard, mouse and fingers on a viewer's stages, on its way to
// the guest.

import type { InputCommand, MouseModeName } from "@caraway/client";
import type { Stage } from "../screen/stage.ts";
import { hostSystem, Keyboard, type LockKeys } from "./keyboard.ts";
import { PointerInput, type TouchMode } from "./pointer-input.ts";
import { StickyModifiers } from "./sticky-modifiers.ts";
import { TextEntry } from "./text-entry.ts";
import { typeText, type UnicodeEntry } from "./text-typing.ts";

export interface InputListener {
  send(command: InputCommand): void;
  /** Text that has no keys. */
  refused(text: string): void;
  focused(has: boolean): void;
  lockChanged(isLocked: boolean): void;
  /** The user asked for the keyboard back, by Ctrl and Alt alone. */
  released(): void;
  stickyChanged(): void;
}

interface Seat {
  readonly stage: Stage;
  readonly pointer: PointerInput;
  readonly text: TextEntry;
}

export class ViewerInput {
  readonly keyboard: Keyboard;
  readonly sticky: StickyModifiers;
  readonly #listener: InputListener;
  readonly #seats: Seat[] = [];
  readonly #release = new ReleaseChord();
  #viewOnly = false;
  #mouseMode: MouseModeName = "client";
  #touchMode: TouchMode = "direct";
  #pans = false;
  focusOnClick = true;
  unicodeEntry: UnicodeEntry = "none";

  constructor(listener: InputListener) {
    this.#listener = listener;
    this.keyboard = new Keyboard({
      system: hostSystem(globalThis.navigator.platform),
      send: (command) => this.#send(command),
      type: (text) => this.type(text),
      wake: (delayMs, run) => {
        const timer = setTimeout(run, delayMs);
        return () => clearTimeout(timer);
      },
      onKeyDone: () => this.sticky.keyDone(),
    });
    this.sticky = new StickyModifiers(this.keyboard, () => listener.stickyChanged());
  }

  /** Gives a stage its mouse and keyboard; the text field is to be put beside it. */
  add(stage: Stage, label: string): TextEntry {
    const owner = stage.element.ownerDocument;
    const text = new TextEntry(owner, label, {
      keyDown: (event) => this.#keyDown(event),
      keyUp: (event) => this.#keyUp(event),
      text: (entered) => this.type(entered),
      tap: (code, times) => this.#tap(code, times),
      focused: (has) => this.#focused(has),
    });
    const pointer = new PointerInput(stage, {
      send: (command) => this.#send(command),
      pressed: () => {
        if (this.focusOnClick) text.focus();
      },
      lockChanged: (isLocked) => this.#listener.lockChanged(isLocked),
    });
    this.#seats.push({ stage, pointer, text });
    this.#apply();
    // Keys that are held when a window or a tab goes away are never let go there.
    owner.defaultView?.addEventListener("blur", this.#leave);
    owner.addEventListener("visibilitychange", this.#leave);
    return text;
  }

  remove(stage: Stage): void {
    const index = this.#seats.findIndex((seat) => seat.stage === stage);
    const [seat] = index < 0 ? [] : this.#seats.splice(index, 1);
    if (seat === undefined) return;
    const owner = stage.element.ownerDocument;
    owner.defaultView?.removeEventListener("blur", this.#leave);
    owner.removeEventListener("visibilitychange", this.#leave);
    seat.pointer.close();
    seat.text.element.remove();
  }

  set viewOnly(viewOnly: boolean) {
    if (viewOnly) this.releaseAll();
    this.#viewOnly = viewOnly;
    this.#apply();
  }

  set mouseMode(mode: MouseModeName) {
    this.#mouseMode = mode;
    this.#apply();
  }

  get mouseMode(): MouseModeName {
    return this.#mouseMode;
  }

  set touchMode(mode: TouchMode) {
    this.#touchMode = mode;
    this.#apply();
  }

  get touchMode(): TouchMode {
    return this.#touchMode;
  }

  set pans(pans: boolean) {
    this.#pans = pans;
    this.#apply();
  }

  set onScreenKeyboard(wanted: boolean) {
    const [first] = this.#seats;
    if (first !== undefined) first.text.onScreenKeyboard = wanted;
  }

  get onScreenKeyboard(): boolean {
    return this.#seats[0]?.text.onScreenKeyboard ?? false;
  }

  /** Gives the viewer's own stage the keyboard. */
  focus(): void {
    this.#seats[0]?.text.focus();
  }

  blur(): void {
    for (const { text } of this.#seats) text.element.blur();
  }

  ledsAre(leds: LockKeys): void {
    this.keyboard.ledsAre(leds);
  }

  /** Types text as a person with a US keyboard would. */
  type(text: string): void {
    const typed = typeText(text, this.unicodeEntry, this.keyboard.capsLock);
    for (const command of typed.commands) this.#send(command);
    if (typed.refused !== "") this.#listener.refused(typed.refused);
    this.sticky.keyDone();
  }

  /** Presses keys one after another and lets them go the other way round. */
  combination(codes: readonly string[]): void {
    for (const code of codes) this.keyboard.press(code);
    for (const code of codes.toReversed()) this.keyboard.release(code);
  }

  releaseAll(): void {
    this.keyboard.releaseAll();
    this.sticky.releaseAll();
    for (const { pointer } of this.#seats) pointer.releaseAll();
  }

  unlockPointer(): void {
    for (const { pointer } of this.#seats) pointer.unlock();
  }

  readonly #leave = (): void => this.releaseAll();

  #apply(): void {
    for (const { stage, pointer } of this.#seats) {
      pointer.viewOnly = this.#viewOnly;
      pointer.mouseMode = this.#mouseMode;
      pointer.touchMode = this.#touchMode;
      pointer.pans = this.#pans;
      stage.viewOnly = this.#viewOnly;
      stage.mouseMode = this.#mouseMode;
    }
  }

  #send(command: InputCommand): void {
    if (!this.#viewOnly) this.#listener.send(command);
  }

  #keyDown(event: KeyboardEvent): boolean {
    if (this.#viewOnly) return false;
    this.#release.down(event.code);
    return this.keyboard.down(event);
  }

  #keyUp(event: KeyboardEvent): boolean {
    if (this.#viewOnly) return false;
    const handled = this.keyboard.up(event);
    if (this.#release.up(event.code)) {
      this.releaseAll();
      this.unlockPointer();
      this.#listener.released();
    }
    return handled;
  }

  #tap(code: string, times: number): void {
    for (let left = times; left > 0; left--) this.combination([code]);
  }

  #focused(has: boolean): void {
    if (!has) this.releaseAll();
    this.#listener.focused(has);
  }
}

/**
 * Ctrl and Alt of the left side, pressed together and let go with nothing between: the way out for
 * those who use no mouse, as in remote-viewer.
 */
class ReleaseChord {
  readonly #held = new Set<string>();
  #pure = false;

  down(code: string): void {
    if (this.#held.has(code)) return;
    this.#held.add(code);
    const isChord = this.#held.size === 2 && this.#hasBoth;
    this.#pure = isChord || (this.#pure && this.#hasBoth && this.#held.size <= 2);
  }

  up(code: string): boolean {
    const fires = this.#pure && this.#hasBoth;
    this.#held.delete(code);
    this.#pure = false;
    // Keys whose release was never heard must not make a chord impossible.
    if (fires) this.#held.clear();
    return fires;
  }

  get #hasBoth(): boolean {
    return this.#held.has("ControlLeft") && this.#held.has("AltLeft");
  }
}

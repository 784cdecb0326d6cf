// The properties of a viewer that are attributes, so that plain HTML can say them, and the types of
// its events.

import type { TouchMode } from "./input/pointer-input.ts";
import type { UnicodeEntry } from "./input/text-typing.ts";
import { type Scaling, scalings } from "./screen/screen-layout.ts";
import type { SpiceViewerEvent, SpiceViewerEvents } from "./viewer-events.ts";

// Frameworks import modules where there is no page at all.
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

export class ViewerAttributes extends Base {
  override addEventListener<K extends keyof SpiceViewerEvents>(
    type: K,
    listener: (this: ViewerAttributes, event: SpiceViewerEvent<K>) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (this: HTMLElement, event: HTMLElementEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: unknown,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  /** The server's WebSocket; relative to the page. */
  get url(): string {
    return this.getAttribute("url") ?? "";
  }

  set url(url: string) {
    this.setAttribute("url", url);
  }

  /** For a gateway, whose address `url` then is: by default the page's own folder. */
  get token(): string | null {
    return this.getAttribute("token");
  }

  set token(token: string | null) {
    if (token === null) this.removeAttribute("token");
    else this.setAttribute("token", token);
  }

  /** Connect as soon as there is a URL or a token. */
  get autoconnect(): boolean {
    return this.hasAttribute("autoconnect");
  }

  set autoconnect(autoconnect: boolean) {
    this.toggleAttribute("autoconnect", autoconnect);
  }

  get viewOnly(): boolean {
    return this.hasAttribute("view-only");
  }

  set viewOnly(viewOnly: boolean) {
    this.toggleAttribute("view-only", viewOnly);
  }

  /** `fit`, `none` or `resize`. */
  get scaling(): Scaling {
    const value = this.getAttribute("scaling");
    return scalings.find((scaling) => scaling === value) ?? "fit";
  }

  set scaling(scaling: Scaling) {
    this.setAttribute("scaling", scaling);
  }

  /** As noVNC has it: `scaling` is `fit`. */
  get scaleViewport(): boolean {
    return this.scaling === "fit";
  }

  set scaleViewport(scale: boolean) {
    if (scale !== this.scaleViewport) this.scaling = scale ? "fit" : "none";
  }

  /** As noVNC has it: `scaling` is `resize`. */
  get resizeSession(): boolean {
    return this.scaling === "resize";
  }

  set resizeSession(resize: boolean) {
    if (resize !== this.resizeSession) this.scaling = resize ? "resize" : "fit";
  }

  /** A mouse drags a picture that does not fit, rather than the guest's pointer. */
  get dragViewport(): boolean {
    return this.hasAttribute("drag-viewport");
  }

  set dragViewport(drag: boolean) {
    this.toggleAttribute("drag-viewport", drag);
  }

  /** A guest pixel is a pixel of the device, where a pixel of the page has several. */
  get highDpi(): boolean {
    return this.hasAttribute("high-dpi");
  }

  set highDpi(highDpi: boolean) {
    this.toggleAttribute("high-dpi", highDpi);
  }

  /** Nothing is heard. */
  get muted(): boolean {
    return this.hasAttribute("muted");
  }

  set muted(muted: boolean) {
    this.toggleAttribute("muted", muted);
  }

  /**
   * Real USB devices that the user let this page have before, and that go to the guest by
   * themselves: usbredir's rules for filters, such as `-1,0x1234,-1,-1,1`.
   */
  get usbAuto(): string | null {
    return this.getAttribute("usb-auto");
  }

  set usbAuto(rules: string | null) {
    if (rules === null) this.removeAttribute("usb-auto");
    else this.setAttribute("usb-auto", rules);
  }

  /** A tool bar over the desktop. */
  get controls(): boolean {
    return this.hasAttribute("controls");
  }

  set controls(controls: boolean) {
    this.toggleAttribute("controls", controls);
  }

  /** Whether a lost session is tried again by itself; it is unless the attribute says `off`. */
  get reconnect(): boolean {
    return this.getAttribute("reconnect") !== "off";
  }

  set reconnect(reconnect: boolean) {
    this.setAttribute("reconnect", reconnect ? "on" : "off");
  }

  /** How fingers move the pointer. */
  get touchMode(): TouchMode {
    return this.getAttribute("touch-mode") === "trackpad" ? "trackpad" : "direct";
  }

  set touchMode(mode: TouchMode) {
    this.setAttribute("touch-mode", mode);
  }

  /** How characters without a key are typed. */
  get unicodeEntry(): UnicodeEntry {
    return this.getAttribute("unicode-entry") === "ctrl-shift-u" ? "ctrl-shift-u" : "none";
  }

  set unicodeEntry(entry: UnicodeEntry) {
    this.setAttribute("unicode-entry", entry);
  }
}

// The screens of a viewer: in the viewer itself and in windows of their own, and the sizes that the
// guest is asked for.

import type { BrowserClient, CursorImage, ScreenInfo, ScreenKey } from "@caraway/browser";
import type { SessionCommand } from "@caraway/client";
import { monitorsFor, type Scaling, type Size } from "./screen/screen-layout.ts";
import { Stage } from "./screen/stage.ts";
import { adoptStyle, viewerStyle } from "./ui/style.ts";

export interface ScreensListener {
  /** A stage in a window of its own needs keyboard and mouse. */
  stageOpened(stage: Stage, place: HTMLElement): void;
  stageClosed(stage: Stage): void;
  command(command: SessionCommand): void;
  windowsChanged(): void;
}

/** How long sizes must stay before the guest is asked for them. */
const resizeDelayMs = 300;

/** Of a display that is new. */
const newDisplay: Size = { width: 1024, height: 768 };

interface ScreenWindow {
  readonly window: Window;
  readonly stage: Stage;
}

export class ViewerScreens {
  readonly main: Stage;
  readonly #listener: ScreensListener;
  readonly #windows = new Map<ScreenKey, ScreenWindow>();
  #screens: readonly ScreenInfo[] = [];
  #client: BrowserClient | null = null;
  #scaling: Scaling = "fit";
  #highDpi = false;
  /** How many displays the user wants; null leaves it to the guest. */
  #wantedCount: number | null = null;
  #hasAgent = false;
  #asked = "";
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(listener: ScreensListener) {
    this.#listener = listener;
    this.main = new Stage(document, () => this.#sizesChanged());
  }

  closeWindows(): void {
    for (const { window } of this.#windows.values()) window.close();
  }

  get list(): readonly ScreenInfo[] {
    return this.#screens;
  }

  get hasPicture(): boolean {
    return this.#screens.length > 0;
  }

  get openWindows(): readonly ScreenKey[] {
    return [...this.#windows.keys()];
  }

  options(scaling: Scaling, highDpi: boolean): void {
    this.#scaling = scaling;
    this.#highDpi = highDpi;
    for (const stage of this.#stages) stage.options = { scaling, highDpi };
    this.#asked = "";
    this.#sizesChanged();
  }

  set displayCount(count: number) {
    this.#wantedCount = count;
    this.#ask();
  }

  get displayCount(): number {
    return this.#wantedCount ?? Math.max(1, this.#screens.length);
  }

  /** Only an agent in the guest can change its displays. */
  set hasAgent(hasAgent: boolean) {
    this.#hasAgent = hasAgent;
    this.#asked = "";
    this.#sizesChanged();
  }

  begin(client: BrowserClient): void {
    this.#client = client;
    this.#hasAgent = false;
    for (const stage of this.#stages) stage.begin(client);
  }

  show(screens: readonly ScreenInfo[]): void {
    this.#screens = screens;
    this.#distribute();
  }

  painted(key: ScreenKey): void {
    for (const stage of this.#stages) stage.painted(key);
  }

  cursor(channel: number, image: CursorImage | null): void {
    for (const stage of this.#stages) stage.cursor(channel, image);
  }

  moveCursor(channel: number, x: number, y: number, visible: boolean): void {
    for (const stage of this.#stages) stage.moveCursor(channel, x, y, visible);
  }

  /** Shows a screen in a window of its own; false when the browser opens none. */
  openWindow(key: ScreenKey, title: string): boolean {
    const screen = this.#screens.find((info) => info.key === key);
    if (screen === undefined || this.#windows.has(key)) return false;
    const features = `popup,width=${screen.width},height=${screen.height}`;
    const opened = window.open("", "", features);
    if (opened === null) return false;
    const { document: page } = opened;
    page.title = title;
    adoptStyle(page, `${viewerStyle}\nbody { margin: 0; background: #1f2430; }`);
    const stage = new Stage(page, () => this.#sizesChanged());
    stage.options = { scaling: this.#scaling, highDpi: this.#highDpi };
    page.body.append(stage.element);
    this.#windows.set(key, { window: opened, stage });
    this.#listener.stageOpened(stage, page.body);
    opened.addEventListener("pagehide", () => this.#windowClosed(key));
    if (this.#client !== null) stage.begin(this.#client);
    this.#distribute();
    return true;
  }

  get #stages(): Stage[] {
    return [this.main, ...[...this.#windows.values()].map(({ stage }) => stage)];
  }

  #windowClosed(key: ScreenKey): void {
    const closed = this.#windows.get(key);
    if (closed === undefined) return;
    this.#windows.delete(key);
    this.#listener.stageClosed(closed.stage);
    closed.stage.close();
    this.#distribute();
  }

  /** Every screen on its stage. */
  #distribute(): void {
    this.main.show(this.#screens.filter(({ key }) => !this.#windows.has(key)));
    for (const [key, { stage }] of this.#windows) {
      stage.show(this.#screens.filter((screen) => screen.key === key));
    }
    this.#listener.windowsChanged();
  }

  #sizesChanged(): void {
    if (this.#scaling !== "resize") return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), resizeDelayMs);
  }

  #ask(): void {
    if (!this.#hasAgent) return;
    if (this.#scaling !== "resize" && this.#wantedCount === null) return;
    let x = 0;
    const monitors = this.#wantedSizes().map(({ width, height }) => {
      const monitor = { width, height, x, y: 0 };
      x += width;
      return monitor;
    });
    const text = JSON.stringify(monitors);
    if (text === this.#asked) return;
    this.#asked = text;
    this.#listener.command({ name: "monitors", monitors });
  }

  #wantedSizes(): Size[] {
    const count = this.displayCount;
    const keys = Array.from({ length: count }, (_, index) => this.#screens[index]?.key ?? null);
    if (this.#scaling !== "resize") {
      return keys.map((_, index) => this.#screens[index] ?? newDisplay);
    }
    const inWindows = keys.filter((key) => key !== null && this.#windows.has(key)).length;
    return keys.map((key) => {
      const own = key === null ? undefined : this.#windows.get(key)?.stage;
      const stage = own ?? this.main;
      const sharers = own === undefined ? Math.max(1, count - inWindows) : 1;
      const { devicePixelRatio, space } = stage;
      const input = { devicePixelRatio, highDpi: this.#highDpi };
      return monitorsFor(space, sharers, input)[0] ?? newDisplay;
    });
  }
}

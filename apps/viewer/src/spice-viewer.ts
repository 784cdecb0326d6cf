// `<spice-viewer>`: a desktop over SPICE as a custom element. Properties, methods and events in the
// manner of noVNC's RFB; attributes for what is simple.

import type { ClientEvent, Connector, ScreenInfo, SoundState, Statistics } from "@caraway/browser";
import type { MouseModeName } from "@caraway/client";
import type { Credentials } from "@caraway/driver";
import type { ClipboardSync } from "./clipboard/clipboard-sync.ts";
import type { ConnectOptions } from "./connect-options.ts";
import { GuestDevices } from "./devices/guest-devices.ts";
import type { FileTransfer } from "./files/file-sending.ts";
import { GuestWishes } from "./guest-wishes.ts";
import { lockKeyboard } from "./input/keyboard-lock.ts";
import { ViewerInput } from "./input/viewer-input.ts";
import { english, type Words } from "./locales/english.ts";
import { wordsFor } from "./locales/words.ts";
import { compressionForQuality } from "./quality-level.ts";
import { imageOf, pictureFile } from "./screen/picture-file.ts";
import { GatewayAccess } from "./session/gateway-access.ts";
import type { MigrationRecord } from "./session/timeline.ts";
import { type SessionListener, ViewerSession } from "./session/viewer-session.ts";
import type { ViewerState } from "./session/viewer-state.ts";
import { Sharing } from "./sharing.ts";
import type { Controls } from "./ui/controls.ts";
import { StatusView } from "./ui/status-view.ts";
import { adoptStyle, viewerStyle } from "./ui/style.ts";
import { ViewerAttributes } from "./viewer-attributes.ts";
import type { SpiceViewerEvents } from "./viewer-events.ts";
import { ViewerScreens } from "./viewer-screens.ts";
import { ViewerMicrophone, ViewerSound } from "./viewer-sound.ts";

const mouseHintDelayMs = 2500;

export class SpiceViewer extends ViewerAttributes {
  static readonly observedAttributes = [
    ...["url", "token", "autoconnect", "view-only", "scaling", "high-dpi", "controls", "lang"],
    ...["touch-mode", "unicode-entry", "drag-viewport", "muted", "usb-auto"],
  ];

  readonly #session: ViewerSession;
  readonly #screens: ViewerScreens;
  readonly #input: ViewerInput;
  readonly #status: StatusView;
  readonly #sharing: Sharing;
  readonly #sound: ViewerSound;
  /** What the guest may hear of the user. */
  readonly microphone = new ViewerMicrophone(() => this.#controls?.update());
  readonly #devices: GuestDevices;
  /** What the guest's desktop leaves out, and whether its volume follows the viewer's. */
  readonly wishes: GuestWishes;
  #controls: Controls | null = null;
  #words: Words = english;
  #credentials: Credentials | null = null;
  #desktopName = "";
  #hasAgent = false;
  /** Whether the present session has painted; an earlier one's picture may still be seen. */
  #hasPainted = false;
  #connectsSoon = false;
  #saidMissing = false;
  #qualityLevel: number | null = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    adoptStyle(root, viewerStyle);
    this.#session = new ViewerSession(this.#sessionListener);
    this.#status = new StatusView(english, {
      retry: () => this.#session.retry(),
      cancelRetry: () => this.#session.cancelRetry(),
      credentials: (credentials) => this.sendCredentials(credentials),
    });
    this.#input = new ViewerInput({
      send: (input) => this.#devices.sendInput(input, this.#session),
      refused: (text) => this.#tell("textrefused", { text }),
      focused: () => this.#controls?.update(),
      lockChanged: (locked) => this.#lockChanged(locked),
      released: () => this.#released(),
      stickyChanged: () => this.#controls?.update(),
    });
    this.#screens = new ViewerScreens({
      stageOpened: (stage, place) => {
        place.append(this.#input.add(stage, this.#words.keyboardLabel).element);
      },
      stageClosed: (stage) => this.#input.remove(stage),
      command: (command) => this.#session.command(command),
      windowsChanged: () => this.#controls?.update(),
    });
    this.#sharing = new Sharing(this, root, {
      command: (command) => this.#session.command(command),
      copied: ({ text }) => {
        if (text !== null) this.#tell("clipboard", { text });
      },
      clipboardFailed: (why) => this.#status.hint(this.#words.share.failures[why]),
      filesCopied: (paths) => this.#tell("clipboardfiles", { paths }),
      filesChanged: (transfers) => this.#tell("filetransfer", { transfers }),
      changed: () => this.#controls?.update(),
    });
    this.#sound = new ViewerSound(this, () => {
      this.#controls?.update();
      this.#tell("soundchange", { state: this.#sound.state });
    });
    this.wishes = new GuestWishes((command) => this.#session.command(command), this.#sound);
    this.#devices = new GuestDevices(root, () => this.#controls?.update());
    const { main } = this.#screens;
    const keys = this.#input.add(main, english.keyboardLabel);
    const ring = document.createElement("div");
    ring.className = "ring";
    root.append(main.element, keys.element, ring, this.#status.line, this.#status.card);
  }

  // The element's life.

  connectedCallback(): void {
    if (!this.hasAttribute("role")) this.setAttribute("role", "application");
    this.#nameDesktop();
    document.addEventListener("fullscreenchange", this.#fullscreenChanged);
    if (this.state.kind === "idle") this.#connectByItself();
  }

  /** Out of the page there is nobody to see it; an element that only moves within it goes on. */
  disconnectedCallback(): void {
    document.removeEventListener("fullscreenchange", this.#fullscreenChanged);
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#input.releaseAll();
      this.#screens.closeWindows();
      this.#session.close();
    });
  }

  attributeChangedCallback(name: string): void {
    switch (name) {
      case "url":
      case "token":
      case "autoconnect":
        this.#connectByItself();
        break;
      case "scaling":
      case "high-dpi":
        this.#screens.options(this.scaling, this.highDpi);
        break;
      case "controls":
        void this.#showControls();
        break;
      case "lang":
        void wordsFor(this.lang).then((words) => this.#speak(words));
        break;
      case "muted":
        this.#sound.muted = this.muted;
        this.wishes.volumeIs(this.volume, this.muted);
        break;
      default:
        this.#input.viewOnly = this.viewOnly;
        this.#sharing.viewOnly = this.viewOnly;
        this.#input.touchMode = this.touchMode;
        this.#input.unicodeEntry = this.unicodeEntry;
        this.#input.pans = this.dragViewport;
        this.#devices.usbRules = this.usbAuto;
    }
    this.#controls?.update();
  }

  /** Of sound, 0 to 1. */
  get volume(): number {
    return this.#sound.volume;
  }

  set volume(volume: number) {
    this.#sound.volume = volume;
    this.wishes.volumeIs(this.volume, this.muted);
    this.#controls?.update();
  }

  /** `blocked`: the guest plays, and the browser waits until the user touches the page. */
  get soundState(): SoundState {
    return this.#sound.state;
  }

  // Sessions.

  /** How connections are made that no URL names; see `ConnectOptions.connector`. */
  connector: Connector | null = null;

  /**
   * Begins a session: at a WebSocket's URL, by default the attribute's; through a gateway, if there
   * is a token; or over channels that a connector brings, one for each channel of SPICE.
   */
  connect(target: string | Connector = this.url, options: ConnectOptions = {}): void {
    const { credentials, token = this.token, gatewaySession = null, ...rest } = options;
    const { connector: chosen = this.connector, ...client } = rest;
    if (credentials !== undefined) this.#credentials = credentials;
    const isUrl = typeof target === "string";
    const gateway =
      isUrl && token !== null
        ? new GatewayAccess({
            base: new URL(target || ".", location.href),
            token,
            session: gatewaySession,
            onSession: (session) => this.#tell("gatewaysession", { session }),
          })
        : null;
    const url = isUrl && gateway === null ? new URL(target, location.href).href : null;
    const connector = isUrl ? chosen : target;
    this.#session.connect({
      url,
      connector: gateway?.connector ?? connector,
      gateway,
      credentials: this.#credentials,
      client,
    });
  }

  /** Leaves the server, or stops trying. */
  disconnect(): void {
    this.#session.disconnect();
  }

  /** The answer to `credentialsrequired`; kept for later sessions of this element. */
  sendCredentials(credentials: Credentials): void {
    this.#credentials = credentials;
    this.#session.credentials(credentials);
  }

  set credentials(credentials: Credentials | null) {
    this.#credentials = credentials;
  }

  get state(): ViewerState {
    return this.#session.state;
  }

  get screens(): readonly ScreenInfo[] {
    return this.#screens.list;
  }

  get desktopName(): string {
    return this.#desktopName;
  }

  /** `agent`: the guest can be resized, and have more displays. */
  get capabilities(): { readonly agent: boolean } {
    return { agent: this.#hasAgent };
  }

  get statistics(): Statistics | null {
    return this.#session.statistics;
  }

  /** Where the session runs; null without one. */
  get placement(): "worker" | "page" | null {
    return this.#session.client?.placement ?? null;
  }

  /** The moves of this desktop between hosts, oldest first. */
  get migrations(): readonly MigrationRecord[] {
    return this.#session.timeline.records;
  }

  /**
   * From 0 to 9: how much work server and browser spend to save traffic, least at 9. Pictures are
   * lossless at every level. Null leaves it to the server.
   */
  get qualityLevel(): number | null {
    return this.#qualityLevel;
  }

  set qualityLevel(level: number | null) {
    this.#qualityLevel = level;
    this.#sayQuality();
  }

  // Keyboard and mouse.

  /** Presses (true) or releases (false) a key by its place, as in `KeyboardEvent.code`; or both. */
  sendKey(code: string, down?: boolean): void {
    if (down !== false) this.#input.keyboard.press(code);
    if (down !== true) this.#input.keyboard.release(code);
  }

  /** Presses keys one after another and lets them go the other way round. */
  sendKeys(codes: readonly string[]): void {
    this.#input.combination(codes);
  }

  sendCtrlAltDel(): void {
    this.sendKeys(["ControlLeft", "AltLeft", "Delete"]);
  }

  /** Types text with the keys of a US keyboard. */
  typeText(text: string): void {
    this.#input.type(text);
  }

  get focusOnClick(): boolean {
    return this.#input.focusOnClick;
  }

  /** Whether a click on the desktop gives it the keyboard. */
  set focusOnClick(focusOnClick: boolean) {
    this.#input.focusOnClick = focusOnClick;
  }

  /** Gives the keyboard to the desktop. */
  override focus(): void {
    this.#input.focus();
  }

  /** Takes the keyboard back. */
  override blur(): void {
    this.#input.blur();
  }

  get onScreenKeyboard(): boolean {
    return this.#input.onScreenKeyboard;
  }

  /** Shows the keyboard of a phone or a tablet. Only in answer to a gesture of the user. */
  set onScreenKeyboard(wanted: boolean) {
    this.#input.onScreenKeyboard = wanted;
    this.#controls?.update();
  }

  // Clipboard and files.

  /** Lets the guest paste this text; what the guest copies comes as events `clipboard`. */
  clipboardPasteFrom(text: string): void {
    this.#sharing.clipboard.give(text);
  }

  /**
   * Lets the guest paste these files, which its spice-webdavd reads. False: it cannot, or may not.
   */
  async copyFiles(files: Iterable<File>): Promise<boolean> {
    const list = this.viewOnly ? null : await this.#devices.copyFiles(files);
    return list !== null && this.#sharing.clipboard.giveFiles(list);
  }

  /** Which ways the clipboards follow each other; both at first. */
  get clipboard(): Pick<ClipboardSync, "toGuest" | "fromGuest"> {
    return this.#sharing.clipboard;
  }

  /** Sends files to the guest's user; events `filetransfer` tell how it goes. */
  sendFiles(files: Iterable<File>): void {
    this.#sharing.send(files);
  }

  /** Files on their way, and those that lately were, oldest first. */
  get fileTransfers(): readonly FileTransfer[] {
    return this.#sharing.files.transfers;
  }

  cancelFile(key: number): void {
    this.#sharing.files.cancel(key);
  }

  /** The guest's ports, such as serial consoles, and the user's folder that the guest may use. */
  get devices(): GuestDevices {
    return this.#devices;
  }

  // The view.

  /** Whether the picture is larger than its space. */
  get clippingViewport(): boolean {
    return this.#screens.main.canPan;
  }

  get displayCount(): number {
    return this.#screens.displayCount;
  }

  /** How many displays the guest shall have; it needs its agent for that. */
  set displayCount(count: number) {
    this.#screens.displayCount = count;
  }

  /** Shows a screen in a window of its own. False when the browser opens none. */
  openScreen(screen: ScreenInfo): boolean {
    const number = this.screens.findIndex(({ key }) => key === screen.key) + 1;
    return this.#screens.openWindow(screen.key, `${this.#desktopName} ${number}`.trim());
  }

  /** Full screen, and the keys that systems keep for themselves go to the desktop. */
  async toggleFullscreen(): Promise<void> {
    if (document.fullscreenElement === this) await document.exitFullscreen();
    else await this.requestFullscreen({ navigationUI: "hide" });
  }

  /** What a screen shows now, by default the first one; null when there is none. */
  async getImageData(screen = this.screens[0]): Promise<ImageData | null> {
    const capture = screen && (await this.#session.client?.capture(screen.key));
    return capture ? imageOf(capture) : null;
  }

  /** The same as a picture file. */
  async toBlob(type = "image/png", screen = this.screens[0]): Promise<Blob | null> {
    const image = await this.getImageData(screen);
    return image === null ? null : await pictureFile(image, type);
  }

  // What the session tells.

  readonly #sessionListener: SessionListener = {
    stateIs: (state) => this.#stateIs(state),
    clientBegins: (client) => {
      this.#hasPainted = false;
      this.#screens.begin(client);
      this.#sharing.begin(client);
      for (const part of [this.#sound, this.microphone, this.#devices]) part.begin(client);
    },
    streamOpened: (stream) => this.#devices.opened(stream),
    event: (event) => {
      for (const part of [this.#sharing, this.wishes]) part.event(event);
      this.#event(event);
    },
    soundIs: (state) => this.#sound.stateIs(state),
    screens: (screens) => {
      this.#screens.show(screens);
      this.#tell("screenschange", { screens });
    },
    painted: (key) => {
      this.#screens.painted(key);
      if (this.#hasPainted) return;
      this.#hasPainted = true;
      this.#showStatus(this.state);
    },
    statistics: (statistics) => {
      this.#tell("statistics", { statistics });
      this.#controls?.update();
    },
    timelineChanged: () => {
      const record = this.migrations.at(-1);
      if (record !== undefined) this.#tell("migration", { record });
      this.#controls?.update();
    },
    reconnects: () => this.reconnect,
  };

  #stateIs(state: ViewerState): void {
    if (state.kind !== "connected") this.#input.releaseAll();
    this.#showStatus(state);
    this.#sharing.stateIs(state);
    this.#tell("statechange", { state });
    if (state.kind === "ended") {
      this.#tell("disconnect", { clean: state.error === null, error: state.error });
    }
    if (state.kind === "credentials") {
      const { needs: types, refused } = state;
      const asks = this.#tell("credentialsrequired", { types, refused });
      // The embedder asks in a way of its own.
      if (!asks) this.#showStatus({ kind: "connecting", attempt: 1 });
    }
    this.#controls?.update();
  }

  #showStatus(state: ViewerState): void {
    this.#status.show(state, this.#hasPainted, this.#screens.hasPicture);
  }

  #event(event: ClientEvent): void {
    switch (event.name) {
      case "session":
        this.#sayQuality();
        this.#sayMissing();
        this.#tell("connect", {});
        break;
      case "vm":
        if (event.vmName === null) break;
        this.#desktopName = event.vmName;
        this.#nameDesktop();
        this.#tell("desktopname", { name: event.vmName });
        break;
      case "mouse-mode":
        this.#mouseModeIs(event.mode);
        break;
      case "lock-leds": {
        const { scrollLock, numLock, capsLock } = event;
        this.#input.ledsAre({ scrollLock, numLock, capsLock });
        this.#tell("ledschange", { scrollLock, numLock, capsLock });
        break;
      }
      case "cursor":
        this.#screens.cursor(event.channelId, event.shape);
        break;
      case "cursor-move":
        this.#screens.moveCursor(event.channelId, event.x, event.y, event.visible);
        break;
      case "agent":
        this.#hasAgent = event.connected;
        this.#screens.hasAgent = event.connected;
        this.#tell("capabilities", { agent: event.connected });
        this.#controls?.update();
        break;
      default:
        break;
    }
  }

  #mouseModeIs(mode: MouseModeName): void {
    this.#input.mouseMode = mode;
    if (mode === "client") this.#input.unlockPointer();
    else {
      // A guest begins so, until its agent or its tablet is there.
      setTimeout(() => {
        const isSo = this.#input.mouseMode === "server" && this.state.kind === "connected";
        if (isSo && !this.viewOnly) this.#status.hint(this.#words.clickForMouse);
      }, mouseHintDelayMs);
    }
  }

  /** False when a listener prevented what the viewer would do by itself. */
  #tell<K extends keyof SpiceViewerEvents>(name: K, detail: SpiceViewerEvents[K]): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, cancelable: true }));
  }

  #sayQuality(): void {
    if (this.#qualityLevel === null) return;
    const compression = compressionForQuality(this.#qualityLevel);
    this.#session.command({ name: "prefer-compression", compression });
  }

  /** Once, that a page of plain http lacks much; the details of the connection have the list. */
  #sayMissing(): void {
    if (globalThis.isSecureContext || this.#saidMissing || !this.controls) return;
    this.#saidMissing = true;
    this.#status.hint(this.#words.missing.hint);
  }

  /** Once, however many attributes say so at the same time. */
  #connectByItself(): void {
    if (this.#connectsSoon) return;
    this.#connectsSoon = true;
    queueMicrotask(() => {
      this.#connectsSoon = false;
      const hasPlace = this.url !== "" || this.token !== null;
      if (this.isConnected && this.autoconnect && hasPlace) this.connect();
    });
  }

  #nameDesktop(): void {
    this.setAttribute("aria-label", this.#words.desktopLabel(this.#desktopName));
  }

  #speak(words: Words): void {
    this.#words = words;
    this.#status.words = words;
    this.#nameDesktop();
    this.#sharing.words = words;
    this.#devices.words = words;
    if (this.#controls !== null) this.#controls.words = words;
  }

  #lockChanged(locked: boolean): void {
    if (locked) this.#status.hint(this.#words.mouseTaken);
    this.#tell("pointerlock", { locked });
  }

  #released(): void {
    this.#status.hint(this.#words.keysReleased);
    if (this.#controls === null) this.#input.blur();
    else this.#controls.focus();
  }

  readonly #fullscreenChanged = (): void => {
    const isFull = document.fullscreenElement === this;
    lockKeyboard(isFull);
    if (isFull) this.focus();
    this.#controls?.update();
  };

  async #showControls(): Promise<void> {
    if (!this.controls) {
      this.#controls?.close();
      this.#controls = null;
      return;
    }
    const { Controls } = await import("./ui/controls.ts");
    if (!this.controls || this.#controls !== null || this.shadowRoot === null) return;
    const sharing = this.#sharing.clipboard;
    this.#controls = new Controls(this, this.shadowRoot, this.#words, this.#input, sharing);
  }
}

// A viewer's dealings with servers: it connects, is moved, loses the server and tries again, asks
// for credentials. One client at a time; what an earlier one still says is not heard.

import {
  BrowserClient,
  type BrowserClientOptions,
  type ClientEvent,
  type ClientStream,
  type Connector,
  type PlainError,
  type ScreenInfo,
  type ScreenKey,
  type SharedTime,
  type SoundState,
  type Statistics,
  sharedTime,
  type TargetAddress,
} from "@caraway/browser";
import type { SessionCommand } from "@caraway/client";
import type { Credentials } from "@caraway/driver";
import { deviceChannels } from "../devices/guest-devices.ts";
import { soundWorklet } from "../sound-worklet.ts";
import type { GatewayAccess } from "./gateway-access.ts";
import { Timeline } from "./timeline.ts";
import {
  afterEvent,
  attemptsMax,
  credentialsFor,
  isSlow,
  mayPass,
  retryDelayMs,
  type ViewerState,
  withoutPastMove,
} from "./viewer-state.ts";

/** Where to, and how. */
export interface ConnectParameters {
  /** WebSocket of the server; null where the connector makes every connection. */
  readonly url: string | null;
  readonly connector: Connector | null;
  /** What the connector goes through, if it is a gateway. */
  readonly gateway: GatewayAccess | null;
  readonly credentials: Credentials | null;
  readonly client: Pick<
    BrowserClientOptions,
    "migration" | "mouseMode" | "placement" | "maxClipboard"
  >;
}

export interface SessionListener {
  stateIs(state: ViewerState): void;
  /** A client begins; its screens are new, even if they look the same. */
  clientBegins(client: BrowserClient): void;
  /** The guest has a port, or a way to a folder. */
  streamOpened(stream: ClientStream): void;
  event(event: ClientEvent): void;
  soundIs(state: SoundState): void;
  screens(screens: readonly ScreenInfo[]): void;
  painted(key: ScreenKey): void;
  statistics(statistics: Statistics): void;
  timelineChanged(): void;
  /** Whether a lost session shall be tried again by itself. */
  reconnects(): boolean;
}

/** How long it is said that a move is over. */
const pastMoveMs = 5000;

export class ViewerSession {
  readonly #listener: SessionListener;
  readonly timeline = new Timeline();
  #state: ViewerState = { kind: "idle" };
  #parameters: ConnectParameters | null = null;
  #client: BrowserClient | null = null;
  /** A client whose session is over: what it painted last is seen until another has painted. */
  #past: BrowserClient | null = null;
  #hasPainted = false;
  /** Where the VM has moved to since the session began. */
  #movedTo: TargetAddress | null = null;
  #statistics: Statistics | null = null;
  #wasConnected = false;
  #attempt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | null = null;
  #moveTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(listener: SessionListener) {
    this.#listener = listener;
  }

  get state(): ViewerState {
    return this.#state;
  }

  get client(): BrowserClient | null {
    return this.#client;
  }

  get statistics(): Statistics | null {
    return this.#statistics;
  }

  connect(parameters: ConnectParameters): void {
    this.#drop();
    this.#parameters = parameters;
    this.#movedTo = null;
    this.#wasConnected = false;
    this.#attempt = 0;
    this.#begin();
  }

  /** Ends the session, or the wait for one. */
  disconnect(): void {
    if (this.#state.kind === "connected") {
      this.#client?.disconnect();
      return;
    }
    if (this.#state.kind === "idle" || this.#state.kind === "ended") return;
    this.#drop();
    this.#set({ kind: "ended", error: null, wasConnected: this.#wasConnected });
  }

  /** Tries again at once. */
  retry(): void {
    if (this.#parameters === null) return;
    const { kind } = this.#state;
    if (kind !== "waiting" && kind !== "ended") return;
    this.#drop();
    this.#begin();
  }

  /** Stays where it is rather than to try again. */
  cancelRetry(): void {
    if (this.#state.kind !== "waiting") return;
    const { error } = this.#state;
    this.#stopTimers();
    this.#set({ kind: "ended", error, wasConnected: this.#wasConnected });
  }

  credentials(credentials: Credentials): void {
    if (this.#parameters === null || this.#state.kind !== "credentials") return;
    this.#parameters = { ...this.#parameters, credentials };
    this.#drop();
    this.#begin();
  }

  command(command: SessionCommand): void {
    if (this.#state.kind === "connected") this.#client?.command(command);
  }

  /** Gives everything up at once, without a word to the server. */
  close(): void {
    this.#drop();
    this.#dropPast();
    this.#set({ kind: "idle" });
  }

  #begin(): void {
    const parameters = this.#parameters;
    if (parameters === null) return;
    const { url, connector, credentials, client: choices } = parameters;
    this.#attempt += 1;
    this.#statistics = null;
    // A VM that has moved may have moved back since: every other try is where it began.
    const target = this.#attempt % 2 === 1 ? this.#movedTo : null;
    const isCurrent = () => this.#client === client;
    const client: BrowserClient = new BrowserClient({
      ...choices,
      channels: ["main", "display", "inputs", "cursor", ...deviceChannels],
      onStream: (stream) => {
        if (isCurrent()) this.#listener.streamOpened(stream);
      },
      sound: true,
      soundWorklet,
      microphone: true,
      url,
      target,
      ...(connector !== null && { connector }),
      ...(credentials !== null && { credentials }),
      onEvent: (event, at) => {
        if (isCurrent()) this.#event(parameters.gateway?.shown(event) ?? event, at);
      },
      onSoundState: (state) => {
        if (isCurrent()) this.#listener.soundIs(state);
      },
      onScreens: (screens) => {
        if (isCurrent()) this.#listener.screens(screens);
      },
      onPainted: (key, at) => {
        if (!isCurrent()) return;
        this.#hasPainted = true;
        this.#dropPast();
        this.timeline.painted(at);
        this.#listener.painted(key);
        this.#listener.timelineChanged();
      },
      onMoved: (moved) => {
        if (!isCurrent()) return;
        const { gateway } = parameters;
        // There it is the session that says where the server is.
        if (gateway === null) this.#movedTo = moved;
        else gateway.movedTo(moved.host);
      },
      onStatistics: (statistics) => {
        if (isCurrent()) this.#measured(statistics);
      },
      onFault: (detail) => {
        if (isCurrent()) this.#ended({ code: "FAULT", message: detail, hint: null });
      },
    });
    this.#client = client;
    this.#set({ kind: "connecting", attempt: this.#attempt });
    this.#listener.clientBegins(client);
  }

  #event(event: ClientEvent, at: SharedTime): void {
    if (event.name === "ended") {
      this.#listener.event(event);
      this.#ended(event.error);
      return;
    }
    if (event.name === "session") {
      this.#wasConnected = true;
      this.#attempt = 0;
    }
    if (event.name === "migration") {
      this.timeline.note(event, at);
      this.#listener.timelineChanged();
    }
    this.#set(afterEvent(this.#state, event));
    this.#listener.event(event);
  }

  #measured(statistics: Statistics): void {
    const before = this.#statistics;
    this.#statistics = statistics;
    const state = this.#state;
    if (state.kind === "connected") {
      this.#set({ ...state, slow: isSlow(before, statistics, state.slow) });
    }
    this.#listener.statistics(statistics);
  }

  #ended(fault: PlainError | null): void {
    const { gateway = null } = this.#parameters ?? {};
    const error = fault === null ? null : (gateway?.explain(fault) ?? fault);
    this.timeline.sessionEnded(sharedTime());
    this.#listener.timelineChanged();
    this.#stopTimers();
    this.#keepPicture();
    const wasConnected = this.#wasConnected;
    const username = this.#parameters?.credentials?.username;
    const needs = error === null ? null : credentialsFor(error, username !== undefined);
    if (needs !== null) {
      const refused = this.#parameters?.credentials !== null;
      this.#set({ kind: "credentials", needs, refused });
    } else if (error !== null && wasConnected && this.#mayRetry(error)) this.#wait(error);
    else this.#set({ kind: "ended", error, wasConnected });
  }

  #mayRetry(error: PlainError): boolean {
    return mayPass(error) && this.#attempt < attemptsMax && this.#listener.reconnects();
  }

  #wait(error: PlainError): void {
    const attempt = this.#attempt + 1;
    const delayMs = retryDelayMs(attempt);
    this.#set({ kind: "waiting", attempt, retryAt: sharedTime() + delayMs, error });
    this.#retryTimer = setTimeout(() => this.#begin(), delayMs);
  }

  #set(state: ViewerState): void {
    if (state === this.#state || JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    this.#listener.stateIs(state);
    if (withoutPastMove(state) === state) return;
    if (this.#moveTimer !== null) clearTimeout(this.#moveTimer);
    this.#moveTimer = setTimeout(() => this.#set(withoutPastMove(this.#state)), pastMoveMs);
  }

  #drop(): void {
    this.#stopTimers();
    this.#keepPicture();
  }

  #keepPicture(): void {
    if (this.#hasPainted) {
      this.#dropPast();
      this.#past = this.#client;
    } else this.#client?.close();
    this.#client = null;
    this.#hasPainted = false;
  }

  #dropPast(): void {
    this.#past?.close();
    this.#past = null;
  }

  #stopTimers(): void {
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    if (this.#moveTimer !== null) clearTimeout(this.#moveTimer);
    this.#retryTimer = null;
    this.#moveTimer = null;
  }
}

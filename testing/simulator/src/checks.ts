// What must hold in every world, read from what can be seen outside of the machines: pixels, keys,
// messages on the wires, who runs and who is heard.

import type { Finding } from "@caraway/channel";
import { baseCodec } from "@caraway/protocol";
import type { Check } from "./check.ts";
import type { ClientView, GuestView, Key, Scene, WireView } from "./views.ts";
import { Violation } from "./violation.ts";

/** At rest, a client that has a display shows what the guest does. */
export class PixelCheck implements Check {
  rested(world: Scene): void {
    for (const client of world.clients) {
      if (!client.isThere || !client.channels.includes("display 0")) continue;
      const guest = world.seats.find(({ address }) => address === client.address)?.guest ?? null;
      if (guest === null) continue;
      const shown = client.colors;
      if (shown === null) throw new Violation("pixels", `${client.name} shows nothing`);
      const wanted = guest.colors;
      const wrong = wanted.findIndex((color, index) => color !== shown[index]);
      if (wrong < 0 && wanted.length === shown.length) continue;
      const is = shown[wrong]?.toString(16);
      const want = wanted[wrong]?.toString(16);
      throw new Violation(
        "pixels",
        `${client.name}: pixel ${wrong} is ${is} and should be ${want}`,
      );
    }
  }

  fork(): PixelCheck {
    return this;
  }
}

/** What somebody typed reaches the guest: all of it in order where nothing broke, never twice. */
export class KeyCheck implements Check {
  readonly #mayLose: (world: Scene) => boolean;

  /** `mayLose`: whether something happened that may cost a key. */
  constructor(mayLose: (world: Scene) => boolean) {
    this.#mayLose = mayLose;
  }

  rested(world: Scene): void {
    const guest = runningGuest(world);
    if (guest === null) return;
    for (const client of world.clients) {
      const codes = new Set(client.typed.map(({ code }) => code));
      const heard = guest.keys.filter(({ code }) => codes.has(code));
      const wanted = client.typed.map(keyText);
      const got = heard.map(keyText);
      const told = `${client.name} typed ${wanted.join(" ")}, the guest heard ${got.join(" ")}`;
      if (!this.#mayLose(world) && client.isThere) {
        if (wanted.join() !== got.join()) throw new Violation("keys", told);
      } else if (!isPartOf(got.filter(isPress), wanted.filter(isPress))) {
        throw new Violation("keys", `doubled or out of order: ${told}`);
      }
      const down = client.isThere ? client.heldKeys : [];
      const stuck = guest.held.filter((code) => codes.has(code) && !down.includes(code));
      if (stuck.length > 0) throw new Violation("keys", `${stuck.join(" ")} is stuck: ${told}`);
    }
  }

  fork(): KeyCheck {
    return this;
  }
}

/** The guest, wherever it runs; null when it stands or is gone. */
export function runningGuest(world: Scene): GuestView | null {
  return world.seats.find(({ guest }) => guest?.isRunning)?.guest ?? null;
}

function keyText({ code, down }: Key): string {
  return `${code}${down ? "+" : "-"}`;
}

function isPress(text: string): boolean {
  return text.endsWith("+");
}

/** Whether `part` is `whole` with some left out. */
function isPartOf(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const item of whole) if (part[at] === item) at += 1;
  return at === part.length;
}

/** Each byte of a stream arrives once and in order; all of them, where nothing broke. */
export class StreamCheck implements Check {
  rested(world: Scene): void {
    const guest = runningGuest(world);
    if (guest === null || !guest.hasStream) return;
    // A device that changes hands goes on where it is.
    const lives = world.clients.reduce((sum, { stream }) => sum + stream.lives, 0);
    const isWhole = world.struck.length === 0 && lives === 1;
    for (const client of world.clients) {
      const { heard, sent } = client.stream;
      if (client.stream.lives === 0) continue;
      let next = 0;
      let before = 0;
      for (const { byte, life } of heard) {
        const mayJump = life !== before && !isWhole;
        if (byte !== next % 256 && !mayJump) {
          throw new Violation("stream", `${client.name} hears byte ${byte}, not ${next % 256}`);
        }
        next = mayJump ? next + ((byte - next + 512) % 256) + 1 : next + 1;
        before = life;
      }
      if (!isWhole || !client.isThere) continue;
      if (heard.length !== guest.streamSent) {
        const detail = `${client.name} has ${heard.length} of ${guest.streamSent} bytes`;
        throw new Violation("stream", detail);
      }
      const got = guest.streamHeard;
      const wrong = got.findIndex((byte, index) => byte !== index % 256);
      if (wrong >= 0) throw new Violation("stream", `the guest hears ${got[wrong]} at ${wrong}`);
      if (got.length !== sent) {
        throw new Violation("stream", `the guest has ${got.length} of ${sent} bytes`);
      }
    }
  }

  fork(): StreamCheck {
    return this;
  }
}

/** Each request for a stick is answered once, or lost with it; and what is read was written. */
export class StickCheck implements Check {
  stepped(world: Scene): void {
    for (const { address, guest } of world.seats) {
      if (!guest?.usb) continue;
      const { strangers, storage } = guest.usb.state;
      if (strangers > 0) throw new Violation("stick", `${address}: an answer to nothing`);
      if (storage.wrongAt === null) continue;
      throw new Violation("stick", `${address}: command ${storage.wrongAt} reads what is wrong`);
    }
  }

  rested(world: Scene): void {
    const guest = runningGuest(world);
    if (!guest?.usb) return;
    const { asked, answered, lost, requests, plugged, isPlugged } = guest.usb.state;
    if (asked !== answered + lost + requests.length) {
      throw new Violation("stick", `${answered} of ${asked} answered, ${lost} lost`);
    }
    const hasStick = world.clients.some(({ isThere, stream }) => isThere && stream.key !== null);
    if (hasStick !== isPlugged) {
      throw new Violation("stick", isPlugged ? "a stick of nobody" : "no stick at the guest");
    }
    if (isPlugged && (requests.length > 0 || guest.mayUseUsb)) {
      throw new Violation("stick", `${requests.length} requests wait for ever`);
    }
    const lives = world.clients.reduce((sum, { stream }) => sum + stream.lives, 0);
    if (plugged > lives) throw new Violation("stick", `plugged in ${plugged} times, not ${lives}`);
    if (world.struck.length > 0 || lives !== 1) return;
    if (plugged !== 1 || lost > 0) throw new Violation("stick", `${lost} requests are lost`);
  }

  fork(): StickCheck {
    return this;
  }
}

/** The pointer moves as far as the mice do, however motions are joined on their way. */
export class MotionCheck implements Check {
  rested(world: Scene): void {
    const guest = runningGuest(world);
    if (guest === null || world.struck.length > 0) return;
    const wanted = world.clients.reduce((sum, { moved }) => sum + moved, 0);
    if (guest.moved === wanted) return;
    throw new Violation("motion", `the mice move by ${wanted}, the pointer by ${guest.moved}`);
  }

  fork(): MotionCheck {
    return this;
  }
}

/** A guest runs at one place only, and is told nothing that its contract does not have. */
export class GuestCheck implements Check {
  stepped(world: Scene): void {
    let running = 0;
    for (const { guest } of world.seats) if (guest?.isRunning) running += 1;
    if (running > 1) throw new Violation("one guest", `it runs ${running} times`);
  }

  rested(world: Scene): void {
    for (const { address, guest } of world.seats) {
      const complaint = guest?.complaints[0];
      if (complaint !== undefined) throw new Violation("contract", `${address}: ${complaint}`);
    }
    for (const { name, faults } of world.hosts) {
      if (faults[0] !== undefined) throw new Violation("contract", `${name}: ${faults[0]}`);
    }
  }

  fork(): GuestCheck {
    return this;
  }
}

/** Sessions live as long as nobody ends them and nothing breaks. */
export class SessionCheck implements Check {
  readonly #mayEnd: (client: ClientView, world: Scene) => boolean;

  constructor(
    mayEnd: (client: ClientView, world: Scene) => boolean = (_client, { struck }) =>
      struck.length > 0,
  ) {
    this.#mayEnd = mayEnd;
  }

  rested(world: Scene): void {
    for (const client of world.clients) {
      if (!client.isAlive || this.#mayEnd(client, world)) continue;
      // Who knocks while the guest is on its way may find nobody.
      if (!client.wasThere) continue;
      if (client.endedBy !== null) {
        throw new Violation("session", `${client.name} ended: ${client.endedBy}`);
      }
      // Of several who want a device, one gets it.
      const hadStream = world.clients.length === 1 || client.stream.lives > 0;
      const lost = client.lost.find((label) => hadStream || !label.startsWith("usbredir"));
      if (lost !== undefined) throw new Violation("session", `${client.name} has lost ${lost}`);
    }
  }

  fork(): SessionCheck {
    return this;
  }
}

interface Window {
  /** The channel came over from another server, and with it the window that it had. */
  readonly isCarried: boolean;
  /** Null until a window is opened. */
  readonly size: number | null;
  readonly generation: number;
  /** Messages of the server since then. */
  readonly sent: number;
  readonly acks: number;
  readonly isSynchronized: boolean;
}

const migrateData = 5;
/** Messages that belong to one drawing go together. */
const burstMax = 16;

/** Acks are sent for what was sent, and not more is sent than is acknowledged. */
export class AckCheck implements Check {
  readonly #windows: Map<number, Window>;

  constructor(windows: ReadonlyMap<number, Window> = new Map()) {
    this.#windows = new Map(windows);
  }

  found(connection: WireView, finding: Finding): void {
    if (finding.type !== "message") return;
    const window = this.#windows.get(connection.id) ?? {
      isCarried: finding.from === "client" && finding.frame.id === migrateData,
      size: null,
      generation: 0,
      sent: 0,
      acks: 0,
      isSynchronized: false,
    };
    const { id, body } = finding.frame;
    const isServer = finding.from === "server";
    const next = isServer ? serverSaid(window, id, body) : clientSaid(window, id, body);
    if (typeof next === "string") throw new Violation("acks", `${connection.label}: ${next}`);
    this.#windows.set(connection.id, next);
  }

  fork(): AckCheck {
    return new AckCheck(this.#windows);
  }

  key(): string {
    return JSON.stringify([...this.#windows]);
  }
}

/** The window behind a message; or what is wrong with it, in words. */
function serverSaid(window: Window, id: number, body: Uint8Array): Window | string {
  const message = id < 100 ? baseCodec.server.decode(id, body) : null;
  if (message?.name === "SET_ACK") {
    const { generation, window: size } = message.body;
    return { ...window, size, generation, sent: 0, acks: 0, isSynchronized: false };
  }
  const { size, acks } = window;
  const sent = window.sent + 1;
  if (size !== null && size > 0 && sent - acks * size > 2 * size + burstMax) {
    return `${sent} messages and ${acks} acks`;
  }
  return { ...window, sent };
}

function clientSaid(window: Window, id: number, body: Uint8Array): Window | string {
  const message = id < 100 ? baseCodec.client.decode(id, body) : null;
  if (message?.name === "ACK_SYNC" && message.body.generation === window.generation) {
    return window.isSynchronized
      ? "two ACK_SYNC for one SET_ACK"
      : { ...window, isSynchronized: true };
  }
  if (message?.name !== "ACK") return window;
  // Acks of an older window may be under way when a new one opens.
  if (window.size === null && !window.isCarried) return "an ACK, and no SET_ACK before";
  if (!window.isSynchronized) return window;
  const { size, sent } = window;
  const acks = window.acks + 1;
  return acks * size! > sent ? `${acks} acks for ${sent} messages` : { ...window, acks };
}

/** Nothing that a wire carries is garbled. */
export class WireCheck implements Check {
  found(connection: WireView, finding: Finding): void {
    if (finding.type !== "broken") return;
    throw new Violation("wire", `${connection.label}: ${finding.error.message}`);
  }

  fork(): WireCheck {
    return this;
  }

  key(): string {
    return "";
  }
}

const queueItemsMax = 4096;
const queueBytesMax = 64 << 20;

/**
 * Queues have a bound, by the machines' own account of themselves. Where programs are played from
 * memory, each of their states is looked at when it is new.
 */
export function lookAtQueues(path: string, value: unknown): void {
  const fail = (where: string, size: number): never => {
    throw new Violation("queues", `${where} has grown to ${size}`);
  };
  if (Array.isArray(value)) {
    if (value.length > queueItemsMax) fail(path, value.length);
    for (const item of value) lookAtQueues(path, item);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      const isQueue = /queue|held|waiting|backlog|outstanding|work$/i.test(key);
      if (!isQueue || typeof inner !== "number") lookAtQueues(`${path} ${key}`, inner);
      else if (inner > queueBytesMax) fail(`${path} ${key}`, inner);
    }
  }
}

/** Every 64 steps. */
export class QueueCheck implements Check {
  #count = 0;

  stepped(world: Scene): void {
    if (++this.#count % 64 !== 0) return;
    for (const { name, snapshot } of world.snapshots()) lookAtQueues(name, snapshot);
  }

  fork(): QueueCheck {
    return this;
  }
}

/** Where a client spoke last, and the connections that it spoke over there and before. */
interface Attachment {
  readonly host: string;
  readonly used: readonly number[];
  readonly past: readonly number[];
}

/** Who is heard: a client says nothing over a connection any more once it spoke at another host. */
export class AttachmentCheck implements Check {
  readonly #clients: Map<string, Attachment>;

  constructor(clients: ReadonlyMap<string, Attachment> = new Map()) {
    this.#clients = new Map(clients);
  }

  found(connection: WireView, finding: Finding): void {
    if (finding.type !== "message" || finding.from !== "client") return;
    if (!connection.purpose.startsWith("inputs") || finding.frame.id < 100) return;
    const { id, caller, host } = connection;
    const client = this.#clients.get(caller) ?? { host, used: [], past: [] };
    if (client.past.includes(id)) {
      throw new Violation("two servers", `${connection.label}: types where it has left`);
    }
    const { used, past } = client;
    if (client.host !== host)
      this.#clients.set(caller, { host, used: [id], past: [...past, ...used] });
    else if (!used.includes(id)) this.#clients.set(caller, { host, used: [...used, id], past });
  }

  fork(): AttachmentCheck {
    return new AttachmentCheck(this.#clients);
  }
}

/** `mayLose`: input that is made while the guest stands may be lost, though never doubled. */
export function allChecks(mayLose = false): Check[] {
  return [
    new PixelCheck(),
    new KeyCheck(({ struck }) => mayLose || struck.length > 0),
    new StreamCheck(),
    new StickCheck(),
    ...(mayLose ? [] : [new MotionCheck()]),
    new GuestCheck(),
    new SessionCheck(),
    new AckCheck(),
    new WireCheck(),
    new QueueCheck(),
    new AttachmentCheck(),
  ];
}

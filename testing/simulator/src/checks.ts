// What must hold in every world, read from what can be seen outside of the machines: pixels, keys,
// messages on the wires, who runs and who is heard.

import type { Finding } from "@caraway/channel";
import { baseCodec } from "@caraway/protocol";
import type { ClientProcess } from "./client-process.ts";
import type { MiniGuest } from "./mini-guest.ts";
import type { Connection } from "./network.ts";
import { Violation } from "./violation.ts";
import type { Check, World } from "./world.ts";

/** At rest, a client that has a display shows what the guest does. */
export class PixelCheck implements Check {
  rested(world: World): void {
    for (const client of world.clients) {
      if (!client.isThere || !client.has("display")) continue;
      const guest = world.seats.find(({ address }) => address === client.address)?.guest ?? null;
      if (guest === null) continue;
      const shown = client.colors(0);
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
}

/** What somebody typed reaches the guest: all of it in order where nothing broke, never twice. */
export class KeyCheck implements Check {
  readonly #mayLose: (world: World) => boolean;

  /** `mayLose`: whether something happened that may cost a key. */
  constructor(mayLose: (world: World) => boolean) {
    this.#mayLose = mayLose;
  }

  rested(world: World): void {
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
}

/** The guest, wherever it runs; null when it stands or is gone. */
export function runningGuest(world: World): MiniGuest | null {
  return world.seats.find(({ guest }) => guest?.isRunning)?.guest ?? null;
}

function keyText({ code, down }: { readonly code: number; readonly down: boolean }): string {
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
  rested(world: World): void {
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
}

/** Each request for a stick is answered once, or lost with it; and what is read was written. */
export class StickCheck implements Check {
  stepped(world: World): void {
    for (const { address, guest } of world.seats) {
      if (!guest?.usb) continue;
      const { strangers, storage } = guest.usb.state;
      if (strangers > 0) throw new Violation("stick", `${address}: an answer to nothing`);
      if (storage.wrongAt === null) continue;
      throw new Violation("stick", `${address}: command ${storage.wrongAt} reads what is wrong`);
    }
  }

  rested(world: World): void {
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
}

/** The pointer moves as far as the mice do, however motions are joined on their way. */
export class MotionCheck implements Check {
  rested(world: World): void {
    const guest = runningGuest(world);
    if (guest === null || world.struck.length > 0) return;
    const wanted = world.clients.reduce((sum, { moved }) => sum + moved, 0);
    if (guest.moved === wanted) return;
    throw new Violation("motion", `the mice move by ${wanted}, the pointer by ${guest.moved}`);
  }
}

/** A guest runs at one place only, and is told nothing that its contract does not have. */
export class GuestCheck implements Check {
  stepped(world: World): void {
    let running = 0;
    for (const { guest } of world.seats) if (guest?.isRunning) running += 1;
    if (running > 1) throw new Violation("one guest", `it runs ${running} times`);
  }

  rested(world: World): void {
    for (const { address, guest } of world.seats) {
      const complaint = guest?.complaints[0];
      if (complaint !== undefined) throw new Violation("contract", `${address}: ${complaint}`);
    }
    for (const { name, events } of world.hosts) {
      const fault = events.find((event) => event.name === "guest-fault");
      if (fault?.name === "guest-fault") {
        throw new Violation("contract", `${name}: ${fault.what}: ${fault.error.message}`);
      }
    }
  }
}

/** Sessions live as long as nobody ends them and nothing breaks. */
export class SessionCheck implements Check {
  readonly #mayEnd: (client: ClientProcess, world: World) => boolean;

  constructor(
    mayEnd: (client: ClientProcess, world: World) => boolean = (_client, { struck }) =>
      struck.length > 0,
  ) {
    this.#mayEnd = mayEnd;
  }

  rested(world: World): void {
    for (const client of world.clients) {
      if (!client.isAlive || this.#mayEnd(client, world)) continue;
      // Who knocks while the guest is on its way may find nobody.
      if (!client.wasThere) continue;
      const end = client.events.find(({ name }) => name === "ended");
      if (end?.name === "ended" && end.error !== null) {
        throw new Violation("session", `${client.name} ended: ${end.error.message}`);
      }
      // Of several who want a device, one gets it.
      const hadStream = world.clients.length === 1 || client.stream.lives > 0;
      const lost = client.lost.find((label) => hadStream || !label.startsWith("usbredir"));
      if (lost !== undefined) throw new Violation("session", `${client.name} has lost ${lost}`);
    }
  }
}

interface Window {
  /** The channel came over from another server, and with it the window that it had. */
  isCarried: boolean;
  /** Null until a window is opened. */
  size: number | null;
  generation: number;
  /** Messages of the server since then. */
  sent: number;
  acks: number;
  isSynchronized: boolean;
}

const migrateData = 5;
/** Messages that belong to one drawing go together. */
const burstMax = 16;

/** Acks are sent for what was sent, and not more is sent than is acknowledged. */
export class AckCheck implements Check {
  readonly #windows = new Map<number, Window>();

  found(connection: Connection, finding: Finding): void {
    if (finding.type !== "message") return;
    const found = this.#windows.get(connection.id);
    const window = found ?? {
      isCarried: finding.from === "client" && finding.frame.id === migrateData,
      size: null,
      generation: 0,
      sent: 0,
      acks: 0,
      isSynchronized: false,
    };
    if (found === undefined) this.#windows.set(connection.id, window);
    const { id, body } = finding.frame;
    const fail = (what: string): never => {
      throw new Violation("acks", `${connection.label}: ${what}`);
    };
    if (finding.from === "server") {
      const message = id < 100 ? baseCodec.server.decode(id, body) : null;
      if (message?.name === "SET_ACK") {
        const { generation, window: size } = message.body;
        Object.assign(window, { size, generation, sent: 0, acks: 0, isSynchronized: false });
        return;
      }
      window.sent += 1;
      const { size, sent, acks } = window;
      if (size === null || size === 0) return;
      if (sent - acks * size > 2 * size + burstMax) fail(`${sent} messages and ${acks} acks`);
      return;
    }
    const message = id < 100 ? baseCodec.client.decode(id, body) : null;
    if (message?.name === "ACK_SYNC") {
      if (message.body.generation !== window.generation) return;
      if (window.isSynchronized) fail("two ACK_SYNC for one SET_ACK");
      window.isSynchronized = true;
    } else if (message?.name === "ACK") {
      // Acks of an older window may be under way when a new one opens.
      if (window.size === null && !window.isCarried) fail("an ACK, and no SET_ACK before");
      if (!window.isSynchronized) return;
      window.acks += 1;
      if (window.acks * window.size! > window.sent) {
        fail(`${window.acks} acks for ${window.sent} messages`);
      }
    }
  }
}

/** Nothing that a wire carries is garbled. */
export class WireCheck implements Check {
  found(connection: Connection, finding: Finding): void {
    if (finding.type !== "broken") return;
    throw new Violation("wire", `${connection.label}: ${finding.error.message}`);
  }
}

/** Queues have a bound. Every 64 steps, the machines' own account of themselves is looked at. */
export class QueueCheck implements Check {
  readonly #itemsMax: number;
  readonly #bytesMax: number;
  #count = 0;

  constructor(itemsMax = 4096, bytesMax = 64 << 20) {
    this.#itemsMax = itemsMax;
    this.#bytesMax = bytesMax;
  }

  stepped(world: World): void {
    if (++this.#count % 64 !== 0) return;
    for (const process of world.processes) this.#look(process.name, process.snapshot(world.now));
  }

  #look(path: string, value: unknown): void {
    if (Array.isArray(value)) {
      if (value.length > this.#itemsMax) this.#fail(path, value.length);
      for (const item of value) this.#look(path, item);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        if (
          /queue|held|waiting|backlog|outstanding|work$/i.test(key) &&
          typeof inner === "number"
        ) {
          if (inner > this.#bytesMax) this.#fail(`${path} ${key}`, inner);
        } else this.#look(`${path} ${key}`, inner);
      }
    }
  }

  #fail(path: string, size: number): never {
    throw new Violation("queues", `${path} has grown to ${size}`);
  }
}

/** Who is heard: a client says nothing over a connection any more once it spoke at another host. */
export class AttachmentCheck implements Check {
  /** For each client, where it spoke last, and the connections that it spoke over before. */
  readonly #clients = new Map<string, { host: string; used: Set<number>; past: Set<number> }>();

  found(connection: Connection, finding: Finding): void {
    if (finding.type !== "message" || finding.from !== "client") return;
    if (!connection.purpose.startsWith("inputs") || finding.frame.id < 100) return;
    const { id, caller, host } = connection;
    const client = this.#clients.get(caller) ?? { host, used: new Set(), past: new Set() };
    this.#clients.set(caller, client);
    if (client.past.has(id)) {
      throw new Violation("two servers", `${connection.label}: types where it has left`);
    }
    if (client.host !== host) {
      for (const used of client.used) client.past.add(used);
      client.used.clear();
      client.host = host;
    }
    client.used.add(id);
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

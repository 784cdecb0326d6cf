// The worlds that are looked at, by name.

import type { ChannelName } from "@caraway/client";
import { defaultTargetMove, type MoveMode, type Ticket } from "@caraway/server";
import { allChecks } from "./checks.ts";
import type { ClientProcess } from "./client-process.ts";
import { HollowServer } from "./hollow-server.ts";
import type { HostProcess } from "./host-process.ts";
import { MiniGuest, type MiniGuestOptions, plainMiniGuest } from "./mini-guest.ts";
import { EndCheck, HandOverCheck, HoldCheck, OwnerCheck, PlaceCheck } from "./move-checks.ts";
import type { Action } from "./plans.ts";
import { goOnUntil, type Scenario } from "./run.ts";
import { type MakeServer, realServer } from "./seat.ts";
import type { Host } from "./steps.ts";
import type { ClientView, HostView } from "./views.ts";
import { World } from "./world.ts";
import { type Faults, plainWorld, type WorldOptions } from "./world-options.ts";

/** One server, and no move. */
export interface StayOptions {
  readonly clients: number;
  /** Keys that each client presses and releases. */
  readonly keys: number;
  /** Whether the first client also holds a key down and never releases it. */
  readonly holdsKey: boolean;
  /** Motions of each client's mouse. */
  readonly motions: number;
  /** Bytes that the first client sends on the guest's stream, if it has one. */
  readonly bytes: number;
  readonly guest: Partial<MiniGuestOptions>;
  readonly faults: Faults;
  readonly world: Partial<WorldOptions>;
  readonly slowPictures: boolean;
  readonly closes: boolean;
  readonly makeServer?: MakeServer;
}

const plainStay: StayOptions = {
  clients: 1,
  keys: 1,
  holdsKey: false,
  motions: 0,
  bytes: 0,
  guest: {},
  faults: {},
  world: {},
  slowPictures: false,
  closes: true,
};

const firstScancode = 0x10;
const heldScancode = 0x0f;
/** Bytes that a client sends at once: not what the guest sends or grants at once. */
const pieceSize = 7;

/** Codes that no other client uses, so that it is known whose a key was. */
export function keysOf(name: string, number: number, count: number): Action[] {
  return Array.from({ length: count }, (_, index) => {
    const code = firstScancode + number * 16 + (index % 16);
    return [true, false].map((down) => ({
      who: "client" as const,
      name,
      label: `${down ? "presses" : "releases"} ${code}`,
      ready: canType,
      run: (client: ClientProcess) => client.type(code, down),
    }));
  }).flat();
}

function canType({ isThere, channels }: ClientView): boolean {
  return !isThere || channels.includes("inputs 0");
}

function heldKeyOf(name: string): Action {
  const run = (client: ClientProcess): void => client.type(heldScancode, true);
  return { who: "client", name, label: "holds a key down", run };
}

function openingOf(name: string): Action {
  return { who: "client", name, label: "opens", run: (client) => client.command({ name: "open" }) };
}

/** The mouse goes a step further each time. */
export function motionsOf(name: string, count: number): Action[] {
  return Array.from({ length: count }, (_, index) => ({
    who: "client",
    name,
    label: `moves the mouse by ${index + 1}`,
    ready: canType,
    run: (client) => client.point(index + 1),
  }));
}

/** So many bytes, in pieces. */
export function bytesOf(name: string, count: number): Action[] {
  const sizes: number[] = [];
  for (let left = count; left > 0; left -= pieceSize) sizes.push(Math.min(left, pieceSize));
  return sizes.map((size) => ({
    who: "client",
    name,
    label: `sends ${size} bytes`,
    ready: ({ isThere, stream }) => !isThere || stream.key !== null,
    run: (client) => client.sendBytes(size),
  }));
}

export function stay(name: string, options: Partial<StayOptions> = {}): Scenario {
  const { clients, keys, motions, bytes, guest, faults, world, slowPictures, closes, makeServer } =
    {
      ...plainStay,
      ...options,
    };
  const make: Scenario["make"] = (onLine, memories) => {
    const made = new World({ ...plainWorld, ...world, faults }, memories);
    made.onLine = onLine;
    const address = seated(made.addHost("source", { makeServer: makeServer ?? realServer }), guest);
    made.checks.push(...allChecks());
    for (let number = 0; number < clients; number++) {
      const channels = ["main", "display", "inputs", "cursor", "usbredir"] as const;
      const { name } = made.addClient(`c${number + 1}`, address, { channels, slowPictures });
      const closing: Action = {
        who: "client",
        name,
        label: "closes",
        run: (client) => client.command({ name: "close" }),
      };
      made.addActor(name, [
        openingOf(name),
        ...keysOf(name, number, keys),
        ...motionsOf(name, motions),
        ...(number === 0 ? bytesOf(name, bytes) : []),
        ...(closes && number === 0 ? [closing] : []),
      ]);
    }
    return made;
  };
  const search = name.startsWith("large") ? "seeds" : "deviations";
  return { name, make, horizonMs: 2000, exploredMs: 20_000, settleMs: 40_000, search };
}

/** Puts a guest there; the address at which it is served. */
function seated(host: Host, guest: Partial<MiniGuestOptions>): string {
  host.act("begins", (process) => {
    const seat = process.newSeat();
    seat.adopt(new MiniGuest({ ...plainMiniGuest, ...guest }));
    seat.tellGuest({ type: "run" });
  });
  return host.view.seats[0]!.address;
}

/** One guest, and a move from one host to another. */
export interface MoveOptions extends Omit<StayOptions, "closes"> {
  readonly mode: MoveMode;
  /** Whether the two servers speak with each other. */
  readonly peer: boolean;
  readonly channels: readonly ChannelName[];
  /** Moves, there and back again. */
  readonly moves: number;
  /** Before them, one more begins and is called off. */
  readonly isFirstCancelled: boolean;
  /** The last client comes at any time. */
  readonly isLastLate: boolean;
  /** What lets clients in; anybody may come when absent. */
  readonly tickets: readonly Ticket[] | null;
  /** How long clients are there before anything happens. */
  readonly waitMs: number;
  readonly horizonMs: number;
  readonly exploredMs: number;
  readonly search: Scenario["search"];
  /** Blocks of the stick that each client has; 0: it has none. */
  readonly stickBlocks: number;
}

const plainMove: MoveOptions = {
  ...plainStay,
  mode: "seamless",
  peer: true,
  channels: ["main", "display", "inputs", "cursor", "usbredir"],
  moves: 1,
  isFirstCancelled: false,
  isLastLate: false,
  tickets: null,
  waitMs: 0,
  horizonMs: 3000,
  exploredMs: 3000,
  search: "deviations",
  stickBlocks: 0,
};

export function move(name: string, options: Partial<MoveOptions> = {}): Scenario {
  const chosen = { ...plainMove, ...options };
  const { clients, keys, motions, bytes, guest, faults, world, slowPictures, makeServer } = chosen;
  const make: Scenario["make"] = (onLine, memories) => {
    const made = new World({ ...plainWorld, ...world, faults }, memories);
    made.onLine = onLine;
    const { tickets } = chosen;
    const choices = { makeServer: makeServer ?? realServer, server: { tickets } };
    const hosts = ["source", "target"].map((host) => made.addHost(host, choices));
    const address = seated(hosts[0]!, guest);
    const last = hosts[chosen.moves % 2]!.name;
    made.checks.push(
      // Without a word between the servers, what is said while the guest stands may be lost.
      ...allChecks(!chosen.peer),
      new OwnerCheck(last),
      new EndCheck(),
      new HandOverCheck(),
      new PlaceCheck(),
    );
    const { deadlineMs, holdMaxMs } = defaultTargetMove;
    if (chosen.mode === "seamless") made.checks.push(new HoldCheck(deadlineMs, holdMaxMs));
    for (let number = 0; number < clients; number++) {
      const { channels, stickBlocks } = chosen;
      const client = made.addClient(`c${number + 1}`, address, {
        ...{ channels, slowPictures, stickBlocks },
      });
      const isLate = chosen.isLastLate && number === clients - 1;
      if (!isLate) client.act("opens", (process) => process.command({ name: "open" }));
    }
    // How sessions begin is looked at where nothing moves.
    goOnUntil(made, () => areThere(made, chosen.channels));
    const begin = made.now + chosen.waitMs;
    if (chosen.waitMs > 0) goOnUntil(made, () => made.now >= begin);
    const [first] = made.clients;
    if (chosen.holdsKey && first !== undefined) made.addActor(first.name, [heldKeyOf(first.name)]);
    // On a plain day the guest moves first, so that one deviation puts anything into the move.
    const manager = movesOf(made, chosen);
    made.addActor("manager", chosen.isFirstCancelled ? [...calledOff(made), ...manager] : manager);
    for (const [number, { name, isOpened }] of made.clients.entries()) {
      made.addActor(name, [
        ...(isOpened ? [] : [openingOf(name)]),
        ...keysOf(name, number, keys),
        ...motionsOf(name, motions),
        ...(number === 0 ? bytesOf(name, bytes) : []),
      ]);
    }
    return made;
  };
  const { horizonMs, exploredMs } = chosen;
  return { name, make, horizonMs, exploredMs, settleMs: 40_000, search: chosen.search };
}

function calledOff(world: World): Action[] {
  const { name } = world.hosts[0]!;
  const [first] = movesOf(world, { ...plainMove, moves: 1 });
  return [
    first!,
    { who: "host", name, label: "calls it off", run: ({ moving }) => moving.cancel() },
  ];
}

function movesOf(world: World, { moves, mode, peer }: MoveOptions): Action[] {
  return Array.from({ length: moves }, (_, index) => {
    const [from, to] = index % 2 === 0 ? [0, 1] : [1, 0];
    const [source, target] = [world.hosts[from]!.name, world.hosts[to]!.name];
    return {
      who: "host",
      name: source,
      label: `moves the guest to ${target}`,
      ready: ({ hasRunningGuest, moving, isAlive }: HostView) => {
        return !isAlive || (hasRunningGuest && !moving.isMoving && !moving.isSettling);
      },
      run: ({ runningSeat, moving }: HostProcess) => {
        if (runningSeat === null) return;
        moving.depart(runningSeat, target, { mode, answerWithinMs: 5000, peer });
      },
    };
  });
}

function areThere({ clients }: World, wanted: readonly ChannelName[]): boolean {
  return clients.every(({ isOpened, colors, channels }) => {
    const isShown = colors !== null || !wanted.includes("display");
    const canType = channels.includes("inputs 0") || !wanted.includes("inputs");
    return !isOpened || (isShown && canType);
  });
}

const small: Partial<MoveOptions> = {
  motions: 1,
  bytes: 7,
  guest: { frames: 2, streamBytes: 7 },
};

/** As little as a move can be with a session in it: for searches without a bound. */
const tiny: Partial<MoveOptions> = {
  keys: 0,
  bytes: 3,
  channels: ["main", "display", "inputs", "usbredir"],
  guest: { streamBytes: 3 },
  world: { hasQuickLinks: true, slackMs: 0 },
  search: "everywhere",
};

/** The stream is there, and moves; nobody says anything on it. */
const silent: Partial<MoveOptions> = { ...tiny, bytes: 0, guest: { streamBytes: 0 } };

/** Without the stream: for all that may go wrong at any moment of it. */
const tinier: Partial<MoveOptions> = {
  ...tiny,
  bytes: 0,
  channels: ["main", "display"],
  guest: {},
};

/** Two clients, one of which has the stream: with up to three deviations. */
const tinyTwo: Partial<MoveOptions> = {
  ...tiny,
  clients: 2,
  bytes: 7,
  guest: { streamBytes: 7 },
  search: "deviations",
};

const largeMove: Partial<MoveOptions> = {
  search: "seeds",
  clients: 3,
  keys: 12,
  motions: 20,
  bytes: 200,
  moves: 3,
  slowPictures: true,
  exploredMs: 60_000,
  guest: { frames: 60, streamBytes: 500 },
  world: { cuts: true, capacityBytes: 2000 },
};

/** A stick in use while its guest moves again and again. */
const stickMoves: Partial<MoveOptions> = {
  search: "seeds",
  keys: 0,
  channels: ["main", "display", "inputs", "usbredir"],
  moves: 20,
  stickBlocks: 24,
  guest: { usbCommands: 150 },
  world: { hasQuickLinks: true, cuts: true },
  exploredMs: 60_000,
};

const moversOnly: Partial<MoveOptions> = { clients: 0, makeServer: () => new HollowServer() };

/** What may go wrong once, somewhere. */
const faultsByName: Readonly<Record<string, Partial<MoveOptions>>> = {
  "a cancel": { faults: { cancels: 1 } },
  "a delay": { faults: { delays: 1 } },
  "a reset": { faults: { resets: 1 } },
  "a death": { faults: { kills: ["source", "target", "c1"] } },
  // Longer than anything that waits in a move.
  "a stall": { faults: { stalls: 1, stallMs: 12_000 }, horizonMs: 12_000, exploredMs: 25_000 },
};

/** A world, and the same one with one fault of each kind. */
function withEachFault(plain: string, options: Partial<MoveOptions>): Scenarios {
  const worlds: Record<string, Scenarios[string]> = { [plain]: (name) => move(name, options) };
  for (const [fault, more] of Object.entries(faultsByName)) {
    worlds[`${plain} with ${fault}`] = (name) => move(name, { ...options, ...more });
  }
  return worlds;
}

type Scenarios = Readonly<Record<string, (name: string) => Scenario>>;

const scenarios: Scenarios = {
  stay: (name) => stay(name, { guest: { frames: 1 } }),
  "stay with a reset": (name) => stay(name, { faults: { resets: 1 } }),
  "stay with a stall": (name) => stay(name, { faults: { stalls: 1 } }),
  "stay with a death": (name) => stay(name, { faults: { kills: ["source", "c1"] } }),
  "stay with a stream": (name) =>
    stay(name, { keys: 0, bytes: 20, guest: { streamBytes: 12 }, closes: false }),
  "stay, two clients": (name) => stay(name, { clients: 2, keys: 2 }),
  movers: (name) => move(name, moversOnly),
  "movers with a reset": (name) => move(name, { ...moversOnly, faults: { resets: 1 } }),
  "movers with a stall": (name) => {
    const faults = { stalls: 1, stallMs: 12_000 };
    return move(name, { ...moversOnly, faults, horizonMs: 12_000, exploredMs: 25_000 });
  },
  "movers with a death": (name) => {
    return move(name, { ...moversOnly, faults: { kills: ["source", "target"] } });
  },
  "movers with a cancel": (name) => move(name, { ...moversOnly, faults: { cancels: 1 } }),
  move: (name) => move(name, small),
  "tiny move of two": (name) => move(name, tinyTwo),
  ...withEachFault("tiny move", tiny),
  ...withEachFault("tiny move with a silent stream", silent),
  ...withEachFault("tiny move without a stream", {
    ...tinier,
    channels: ["main", "display", "inputs"],
  }),
  ...withEachFault("tiny move without inputs", {
    ...tiny,
    channels: ["main", "display", "usbredir"],
  }),
  ...withEachFault("tiny move without a display", {
    ...tiny,
    channels: ["main", "inputs", "usbredir"],
  }),
  ...withEachFault("tinier move", tinier),
  "move with a reset": (name) => move(name, { ...small, faults: { resets: 1 } }),
  "move with a stall": (name) => move(name, { ...small, faults: { stalls: 1, stallMs: 1500 } }),
  "move with a long stall": (name) => {
    const faults = { stalls: 1, stallMs: 20_000 };
    return move(name, { ...small, faults, horizonMs: 12_000, exploredMs: 25_000 });
  },
  "move with a cancel": (name) => move(name, { ...small, faults: { cancels: 1 } }),
  "move with a death": (name) => {
    return move(name, { ...small, faults: { kills: ["source", "target", "c1"] } });
  },
  "move with a held key and a death": (name) => {
    return move(name, { keys: 0, holdsKey: true, faults: { kills: ["c1"] } });
  },
  "move, semi-seamless": (name) => move(name, { ...small, mode: "semi-seamless" }),
  "move, switch-host": (name) => move(name, { ...small, mode: "switch-host" }),
  "move with a late client": (name) => {
    return move(name, { ...small, keys: 1, motions: 0, clients: 2, isLastLate: true });
  },
  "move without a peer link": (name) => move(name, { ...small, peer: false }),
  "move of two without a peer link": (name) => {
    return move(name, { ...small, clients: 2, peer: false });
  },
  "move there and back": (name) => move(name, { ...small, moves: 2 }),
  "move of two": (name) => move(name, { ...small, clients: 2 }),
  "large move": (name) => move(name, largeMove),
  "large move with faults": (name) => {
    const faults = { resets: 1, stalls: 2, kills: ["c2"], cancels: 1 };
    return move(name, { ...largeMove, faults });
  },
  "moves with a stick": (name) => move(name, stickMoves),
  "moves with a stick and faults": (name) => {
    const faults = { resets: 1, stalls: 2, cancels: 1 };
    const world = { ...stickMoves.world, capacityBytes: 4000 };
    return move(name, { ...stickMoves, world, faults });
  },
  "moves with a stick without a peer link": (name) => move(name, { ...stickMoves, peer: false }),
  "semi-seamless moves with a stick": (name) => {
    return move(name, { ...stickMoves, mode: "semi-seamless" });
  },
  large: (name) =>
    stay(name, {
      clients: 3,
      keys: 12,
      slowPictures: true,
      motions: 20,
      bytes: 70,
      guest: { frames: 20, streamBytes: 200 },
      faults: { resets: 1, stalls: 2, kills: ["c2"] },
      world: { cuts: true, capacityBytes: 2000 },
    }),
};

export const scenarioNames: readonly string[] = Object.keys(scenarios);

/** Null when there is none of that name. */
export function namedScenario(name: string): Scenario | null {
  return Object.hasOwn(scenarios, name) ? scenarios[name]!(name) : null;
}

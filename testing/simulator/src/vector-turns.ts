// What comes of it, where something befalls a program of a world that is a vector of numbers: the
// program's next state, and what it does on the network.

import type { Passage, Point } from "./memory.ts";
import type { Side } from "./network.ts";
import type { Item, Pipe } from "./pipes.ts";
import type { Process } from "./process.ts";
import { type Effect, type Stimulus, stimulusKey } from "./stimulus.ts";
import type { AnyView, LineEnds, Vector, VectorParts } from "./vector-parts.ts";
import { guestsText, type HostView } from "./views.ts";

/** Something that can befall a program, with a number that tells it from everything else. */
export interface Event {
  readonly id: number;
  readonly stimulus: Stimulus<Process<AnyView>>;
}

/** What a program does on the network, made ready to be done in any vector. */
type Act =
  | { readonly kind: "connect"; readonly line: LineEnds }
  | {
      readonly kind: "send";
      readonly line: LineEnds;
      readonly side: Side;
      readonly bytes: Uint8Array;
      readonly item: Item;
      /** What the checks know it by; null where they do not listen. */
      readonly saying: number | null;
    }
  | {
      readonly kind: "pause" | "leave" | "reset";
      readonly line: LineEnds;
      readonly side: Side;
      readonly effect: Effect;
    };

interface Turn {
  readonly passage: Passage<AnyView>;
  readonly acts: readonly Act[];
  /** Whether something became of a guest. */
  readonly isSeen: boolean;
}

/** Numbers of events are below this. */
const eventsMax = 2 ** 22;

export class VectorTurns {
  readonly #parts: VectorParts;
  /** By program and state: what comes of each event, at each time. */
  readonly #turns: Map<number, Turn>[][];
  readonly #events = new Map<string, Event>();
  readonly #deliveries = new Map<number, Event>();

  constructor(parts: VectorParts) {
    this.#parts = parts;
    this.#turns = parts.roles.map(() => []);
  }

  event(stimulus: Stimulus<Process<AnyView>>): Event {
    const key = stimulusKey(stimulus);
    const known = this.#events.get(key);
    if (known !== undefined) return known;
    const event = { id: this.#events.size, stimulus };
    if (event.id >= eventsMax) throw new RangeError("more events than a search can tell apart");
    this.#events.set(key, event);
    return event;
  }

  /** That something arrives. */
  delivery(line: LineEnds, side: Side, item: Item): Event {
    const key = (item.id * 1024 + line.place) * 2 + (side === "client" ? 0 : 1);
    const known = this.#deliveries.get(key);
    if (known !== undefined) return known;
    const { kind } = item;
    const event = this.event(
      kind === "connected"
        ? { kind, line: line.id, side }
        : kind === "bytes"
          ? { kind: "received", line: line.id, side, bytes: item.bytes }
          : { kind, line: line.id, side, failure: item.failure },
    );
    this.#deliveries.set(key, event);
    return event;
  }

  /**
   * Something befalls a program of `to`, which is `before` but for what led to it.
   * @throws Violation where that breaks a rule.
   */
  befall(before: Vector, to: Vector, index: number, event: Event): void {
    const turn = this.#turn(to, index, event);
    const { violation, to: point } = turn.passage;
    if (violation !== null) throw violation;
    this.#parts.setPoint(to, index, point);
    for (const act of turn.acts) this.#perform(to, act);
    if (turn.isSeen) this.#look(before, to);
  }

  #turn(vector: Vector, index: number, event: Event): Turn {
    const point = this.#parts.pointOf(vector, index);
    const around = this.#parts.aroundOf(vector);
    const turns = this.#turns[index]!;
    let known = turns[point.id];
    if (known === undefined) {
      known = new Map();
      turns[point.id] = known;
    }
    const key = around.moment * eventsMax + event.id;
    let turn = known.get(key);
    if (turn === undefined) {
      turn = this.#newTurn(point, around.now, index, event);
      known.set(key, turn);
    }
    return turn;
  }

  #newTurn(point: Point<AnyView>, now: number, index: number, event: Event): Turn {
    const { memory, isHost, name } = this.#parts.roles[index]!;
    const passage: Passage<AnyView> = memory.pass(point, now, event.stimulus);
    const guests = (at: Point<AnyView>): string => guestsText(at.view as HostView);
    const isSeen = isHost && guests(point) !== guests(passage.to);
    return { passage, isSeen, acts: passage.effects.flatMap((effect) => this.#act(name, effect)) };
  }

  #act(caller: string, effect: Effect): readonly Act[] {
    const { kind } = effect;
    switch (kind) {
      case "connect": {
        const line = this.#parts.line({ id: effect.line, caller, host: effect.host });
        return [{ kind, line }];
      }
      case "send": {
        const { bytes, side } = effect;
        const line = this.#parts.lineOf(effect.line);
        // The movers speak a language of their own.
        const isHeard = !line.host.endsWith(":peer");
        const saying = isHeard ? this.#parts.watches.saying(line.id, side, bytes) : null;
        const item = this.#parts.pipes.item({ kind: "bytes", bytes });
        return [{ kind, line, side, bytes, item, saying }];
      }
      case "pause":
      case "leave":
      case "reset":
        return [{ kind, line: this.#parts.lineOf(effect.line), side: effect.side, effect }];
      default:
        return [];
    }
  }

  #perform(vector: Vector, act: Act): void {
    if (act.kind === "connect") this.#connect(vector, act.line);
    else if (act.kind === "send") this.#send(vector, act);
    else this.#change(vector, act.line, act.side, act.effect);
  }

  #connect(vector: Vector, line: LineEnds): void {
    const { id, caller, host, place } = line;
    const parts = this.#parts;
    const there = line.server;
    let isHeard = false;
    if (there >= 0 && parts.pointOf(vector, there).listens.includes(host)) {
      const call = this.event({ kind: "call", line: id, caller, host });
      const { passage } = this.#turn(vector, there, call);
      parts.setPoint(vector, there, passage.to);
      ({ isHeard } = passage);
    }
    const connected = { kind: "connected" } as const;
    const failure = { kind: "refused", detail: `${host} refused the connection` } as const;
    const { pipes } = parts;
    const client = pipes.open(false, [isHeard ? connected : { kind: "closed", failure }]);
    const server = isHeard ? pipes.open(false, [connected]) : pipes.shut;
    parts.setWatch(vector, place, parts.newWatch());
    parts.setEnds(vector, place, client, server);
  }

  #send(vector: Vector, { line, side, bytes, item, saying }: Act & { kind: "send" }): void {
    const parts = this.#parts;
    const { place } = line;
    if (saying !== null) {
      const wire = () => parts.wire(vector, line);
      const watch = parts.watch(vector, place);
      parts.setWatch(vector, place, parts.watches.said(watch, saying, wire, side, bytes));
    }
    if (bytes.length === 0) return;
    let [client, server] = [parts.client(vector, place), parts.server(vector, place)];
    if (side === "client") server = parts.pipes.push(server, item);
    else client = parts.pipes.push(client, item);
    parts.setEnds(vector, place, client, server);
  }

  #change(vector: Vector, { place }: LineEnds, side: Side, effect: Effect): void {
    const { pipes } = this.#parts;
    const [client, server] = [this.#parts.client(vector, place), this.#parts.server(vector, place)];
    const [own, far] = side === "client" ? [client, server] : [server, client];
    const set = (mine: Pipe, its: Pipe): void => {
      if (side === "client") this.#parts.setEnds(vector, place, mine, its);
      else this.#parts.setEnds(vector, place, its, mine);
    };
    if (effect.kind === "pause") set(pipes.pause(own, effect.isPaused), far);
    else if (!own.isOpen) return;
    else if (effect.kind === "leave") {
      set(pipes.shut, pipes.push(far, pipes.item({ kind: "closed", failure: null })));
    } else if (effect.kind === "reset") set(pipes.shut, pipes.reset(far, effect.detail));
  }

  /** Lets the checks look at a step in which something became of a guest. */
  #look(before: Vector, after: Vector): void {
    const [was, is] = [this.#parts.scene(before), this.#parts.scene(after)];
    for (const check of this.#parts.checks) (check.behind?.(was) ?? check).stepped?.(is);
  }
}

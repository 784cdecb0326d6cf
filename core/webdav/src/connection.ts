// One connection of a program in the guest: its requests, one after the other, and what each waits
// for. What it asks of the folder and what it sends go through its owner.

import type { Instant } from "@caraway/channel";
import { ConnectionGone, Exchange, type Share, type Step, type Steps } from "./exchange.ts";
import type { FolderAnswer, FolderWork } from "./folder-work.ts";
import { HttpFault } from "./http-fault.ts";
import { lock, unlock } from "./lock-methods.ts";
import { get, options, propfind } from "./read-methods.ts";
import type { RequestHead } from "./request-head.ts";
import { type RequestPart, RequestReader } from "./request-reader.ts";
import { copy, makeFolder, move, proppatch, put, remove } from "./write-methods.ts";

/** A request that was answered, or not. */
export interface Answered {
  readonly method: string;
  /** As it came, cut to a readable length. */
  readonly target: string;
  readonly status: number;
  /** Why it was refused or failed; null when it was not. */
  readonly detail: string | null;
}

export interface ConnectionOwner {
  readonly share: Share;
  work(work: FolderWork): void;
  send(bytes: Uint8Array): void;
  /** Whether something may be sent; `proceed` is called when that changes. */
  readonly hasRoom: boolean;
  answered(answered: Answered): void;
  /** Nothing more comes; for the guest, the connection is closed. */
  closed(): void;
}

type Method = (exchange: Exchange) => Steps;

const readMethods: Readonly<Record<string, Method>> = {
  OPTIONS: options,
  GET: get,
  HEAD: get,
  PROPFIND: propfind,
  LOCK: lock,
  UNLOCK: unlock,
};
const writeMethods: Readonly<Record<string, Method>> = {
  PUT: put,
  DELETE: remove,
  MKCOL: makeFolder,
  COPY: copy,
  MOVE: move,
  PROPPATCH: proppatch,
};

/** What an exchange waits for. */
type Waiting = Step["wait"];

interface Running {
  readonly exchange: Exchange;
  readonly steps: Steps;
  waiting: Waiting;
  /** What is sent when there is room. */
  toSend: Uint8Array | null;
  /** The body was read to its end. */
  isBodyOver: boolean;
}

const targetLength = 200;
/** Bytes of a body that nobody wants, which are read to keep the connection. */
const unwantedMax = 4 << 20;
/** Stands for bytes that are none. */
const noRequest: RequestHead = { method: "", target: "*", fields: new Map(), keepAlive: false };

export class Connection {
  readonly #owner: ConnectionOwner;
  readonly #reader = new RequestReader();
  #running: Running | null = null;
  /** Requests whose connection ended, and that still bring things in order. */
  #isGone = false;

  constructor(owner: ConnectionOwner) {
    this.#owner = owner;
  }

  /** Whether it is over and has nothing to bring in order. */
  get isOver(): boolean {
    return this.#isGone && this.#running === null;
  }

  /** Bytes of the guest's that were not used. */
  get waiting(): number {
    return this.#isGone ? 0 : this.#reader.waiting;
  }

  snapshot(): unknown {
    return { waiting: this.waiting, request: this.#running?.waiting ?? null };
  }

  received(bytes: Uint8Array, now: Instant): void {
    if (this.#isGone) return;
    this.#reader.push(bytes);
    this.proceed(now);
  }

  /** The work that was asked for is done. */
  done(answer: FolderAnswer, now: Instant): void {
    const running = this.#running;
    if (running === null || running.waiting !== "work") return;
    running.exchange.now = now;
    this.#step(running, () => running.steps.next(answer));
    this.proceed(now);
  }

  /** There may be room, or bytes. */
  proceed(now: Instant): void {
    while (this.#advance(now));
  }

  /** The guest closed it: what runs is broken off. */
  gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const running = this.#running;
    if (running !== null && running.waiting !== "work") this.#breakOff(running);
  }

  /** One thing; false when all waits for others. */
  #advance(now: Instant): boolean {
    if (this.#isGone) return false;
    const running = this.#running;
    if (running === null) return this.#begin(now);
    running.exchange.now = now;
    switch (running.waiting) {
      case "work":
        return false;
      case "send": {
        if (!this.#owner.hasRoom) return false;
        const bytes = running.toSend!;
        running.toSend = null;
        this.#owner.send(bytes);
        this.#step(running, () => running.steps.next(undefined));
        return true;
      }
      case "body": {
        if (running.isBodyOver) {
          this.#step(running, () => running.steps.next(null));
          return true;
        }
        const part = this.#part();
        if (part === null) return false;
        if (part instanceof HttpFault) this.#step(running, () => running.steps.throw(part));
        else if (part.kind === "end") running.isBodyOver = true;
        else if (part.kind === "body") this.#step(running, () => running.steps.next(part.bytes));
        return true;
      }
    }
  }

  #begin(now: Instant): boolean {
    const part = this.#part();
    if (part === null) return false;
    if (part instanceof HttpFault) this.#run(noRequest, now, part);
    else if (part.kind === "head") this.#run(part.head, now);
    return true;
  }

  /** What comes next; a fault where the bytes are no request. */
  #part(): RequestPart | HttpFault | null {
    try {
      return this.#reader.next();
    } catch (error) {
      if (error instanceof HttpFault) return error;
      throw error;
    }
  }

  #run(head: RequestHead, now: Instant, fault: HttpFault | null = null): void {
    let exchange: Exchange;
    let refusal = fault;
    try {
      exchange = new Exchange(this.#owner.share, head, now);
    } catch (error) {
      if (!(error instanceof HttpFault)) throw error;
      refusal = error;
      exchange = new Exchange(this.#owner.share, { ...head, target: "*" }, now);
    }
    const steps = course(exchange, refusal, (status, detail) => {
      const { method } = head;
      const target = head.target.slice(0, targetLength);
      this.#owner.answered({ method, target, status, detail });
    });
    const running: Running = {
      exchange,
      steps,
      waiting: "work",
      toSend: null,
      isBodyOver: false,
    };
    this.#running = running;
    this.#step(running, () => steps.next());
  }

  #step(running: Running, next: () => IteratorResult<Step, void>): void {
    let result: IteratorResult<Step, void>;
    try {
      result = next();
    } catch (error) {
      // The course catches all faults; this is its word that the connection is over.
      if (!(error instanceof ConnectionGone)) throw error;
      this.#running = null;
      if (!this.#isGone) this.#close();
      return;
    }
    if (result.done === true) {
      this.#running = null;
      if (!running.exchange.keepAlive && !this.#isGone) this.#close();
      return;
    }
    const step = result.value;
    running.waiting = step.wait;
    if (step.wait === "work") this.#owner.work(step.work);
    else if (this.#isGone) this.#breakOff(running);
    else if (step.wait === "send") running.toSend = step.bytes;
  }

  #breakOff(running: Running): void {
    this.#step(running, () => running.steps.throw(new ConnectionGone()));
  }

  #close(): void {
    this.#isGone = true;
    this.#owner.closed();
  }
}

/** A request from its head to its answer, and past what is left of its body. */
function* course(
  exchange: Exchange,
  refusal: HttpFault | null,
  answered: (status: number, detail: string | null) => void,
): Steps {
  try {
    if (refusal !== null) throw refusal;
    yield* methodOf(exchange)(exchange);
    answered(exchange.status ?? 500, null);
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error;
    if (error.isFatal) exchange.keepAlive = false;
    answered(error.status, error.message);
    // An answer that was begun cannot become another one.
    if (exchange.status !== null) throw new ConnectionGone();
    yield* exchange.fault(error);
  }
  if (exchange.keepAlive) yield* passOver(exchange);
}

/** What is behind the body is the next request. */
function* passOver(exchange: Exchange): Steps {
  try {
    for (let size = 0; size <= unwantedMax; ) {
      const rest = (yield { wait: "body" }) as Uint8Array | null;
      if (rest === null) return;
      size += rest.length;
    }
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error;
  }
  exchange.keepAlive = false;
}

/** @throws HttpFault */
function methodOf({ share, head }: Exchange): Method {
  const reads = readMethods[head.method];
  if (reads !== undefined) return reads;
  const writes = writeMethods[head.method];
  if (writes === undefined) throw new HttpFault(501, "the method is not known");
  if (share.readOnly) throw new HttpFault(403, "the folder is read-only");
  return writes;
}

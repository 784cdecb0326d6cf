// A folder in memory that answers at once, and a guest's program in front of it.

import {
  type FolderAnswer,
  type FolderInput,
  type FolderOutput,
  type FolderPath,
  FolderServer,
  type FolderServerOptions,
  type FolderWork,
  MuxReader,
  muxBytes,
} from "../src/index.ts";

type Node = { kind: "file"; bytes: Uint8Array } | { kind: "folder"; children: Map<string, Node> };

export class MemoryFolder {
  readonly root: Node & { kind: "folder" } = { kind: "folder", children: new Map() };
  readonly open = new Map<number, { path: FolderPath; bytes: Uint8Array }>();
  #nextHandle = 1;

  perform(work: FolderWork): FolderAnswer {
    switch (work.kind) {
      case "stat": {
        const node = this.at(work.path);
        return node === null ? missing : { kind: "entry", entry: entryOf(node) };
      }
      case "list": {
        const node = this.at(work.path);
        if (node?.kind !== "folder") return missing;
        if (node.children.size > work.most) return failed("too-many");
        const entries = [...node.children].map(([name, child]) => ({ name, ...entryOf(child) }));
        return { kind: "entries", entries };
      }
      case "open":
      case "create": {
        const node = this.at(work.path);
        if (work.kind === "open" && node?.kind !== "file") return missing;
        const bytes = node?.kind === "file" && work.kind === "open" ? node.bytes : new Uint8Array();
        const handle = this.#nextHandle++;
        this.open.set(handle, { path: work.path, bytes });
        return { kind: "file", handle, entry: { kind: "file", size: bytes.length, modifiedMs: 0 } };
      }
      case "read": {
        const { bytes } = this.open.get(work.handle)!;
        return { kind: "bytes", bytes: bytes.subarray(work.offset, work.offset + work.length) };
      }
      case "write": {
        const opened = this.open.get(work.handle)!;
        opened.bytes = Uint8Array.from([...opened.bytes, ...work.bytes]);
        return { kind: "done" };
      }
      case "keep": {
        const { path, bytes } = this.open.get(work.handle)!;
        this.open.delete(work.handle);
        return this.put(path, { kind: "file", bytes });
      }
      case "release":
        this.open.delete(work.handle);
        return { kind: "done" };
      case "make-folder":
        return this.put(work.path, { kind: "folder", children: new Map() });
      case "remove":
        this.#parent(work.path)?.children.delete(work.path.at(-1)!);
        return { kind: "done" };
      case "copy":
      case "move": {
        const node = this.at(work.from);
        if (node === null) return missing;
        if (work.kind === "move") this.#parent(work.from)?.children.delete(work.from.at(-1)!);
        return this.put(work.to, node);
      }
      case "touch":
        return { kind: "done" };
    }
  }

  at(path: FolderPath): Node | null {
    let node: Node | undefined = this.root;
    for (const name of path) {
      node = node?.kind === "folder" ? node.children.get(name) : undefined;
    }
    return node ?? null;
  }

  put(path: FolderPath, node: Node): FolderAnswer {
    const parent = this.#parent(path);
    if (parent === null) return missing;
    parent.children.set(path.at(-1)!, node);
    return { kind: "done" };
  }

  #parent(path: FolderPath) {
    const parent = this.at(path.slice(0, -1));
    return path.length > 0 && parent?.kind === "folder" ? parent : null;
  }
}

function entryOf(node: Node) {
  const size = node.kind === "file" ? node.bytes.length : 0;
  return { kind: node.kind, size, modifiedMs: 784_111_777_000 };
}

const failed = (reason: "not-found" | "too-many"): FolderAnswer => {
  return { kind: "failed", reason, detail: "" };
};
const missing = failed("not-found");

/** A guest's programs at a server, which answers at once unless it is held. */
export class Guest {
  readonly folder = new MemoryFolder();
  readonly server: FolderServer;
  readonly refused: { readonly status: number; readonly detail: string }[] = [];
  readonly closed = new Set<bigint>();
  /** Work and flushes wait here while it is held. */
  readonly held: FolderOutput[] = [];
  isHeld = false;
  taken = 0;
  now = 0;
  readonly #mux = new MuxReader();
  readonly #answers = new Map<bigint, string>();

  constructor(options: Partial<FolderServerOptions> = {}) {
    const seed = "00000000-0000-4000-8000-000000000000";
    this.server = new FolderServer({ readOnly: false, seed, ...options });
  }

  feed(input: FolderInput): void {
    this.server.handle(input, this.now);
    const later: FolderOutput[] = [];
    for (let output = this.server.poll(); output !== null; output = this.server.poll()) {
      if (output.type === "transmit") this.#hear(output.bytes);
      else if (output.type === "taken") this.taken += output.bytes;
      else if (output.type === "answered") {
        const { status, detail } = output.request;
        if (detail !== null) this.refused.push({ status, detail });
      } else if (this.isHeld) this.held.push(output);
      else later.push(output);
    }
    for (const output of later) this.perform(output);
  }

  perform(output: FolderOutput): void {
    if (output.type === "flush") this.feed({ type: "flushed" });
    if (output.type !== "work") return;
    const { task, work } = output;
    this.feed({ type: "done", task, answer: this.folder.perform(work) });
  }

  /** What a program says on its connection. */
  send(connection: bigint, text: string): void {
    this.feed({ type: "received", bytes: muxBytes(connection, latin1(text)) });
  }

  /** All that came for a connection since the last call. */
  heard(connection: bigint): string {
    const text = this.#answers.get(connection) ?? "";
    this.#answers.delete(connection);
    return text;
  }

  /** One request and its answer. */
  ask(line: string, fields: Readonly<Record<string, string>> = {}, body = ""): string {
    const length = body === "" ? {} : { "Content-Length": String(body.length) };
    const lines = Object.entries({ Host: "localhost", ...length, ...fields });
    const head = [`${line} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
    this.send(1n, `${head.join("\r\n")}\r\n\r\n${body}`);
    return this.heard(1n);
  }

  status(line: string, fields: Readonly<Record<string, string>> = {}, body = ""): number {
    return Number(this.ask(line, fields, body).split(" ")[1]);
  }

  #hear(bytes: Uint8Array): void {
    this.#mux.push(bytes);
    for (let frame = this.#mux.next(); frame !== null; frame = this.#mux.next()) {
      const { connection, bytes: piece } = frame;
      if (piece.length === 0) this.closed.add(connection);
      const before = this.#answers.get(connection) ?? "";
      this.#answers.set(connection, before + String.fromCharCode(...piece));
    }
  }
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

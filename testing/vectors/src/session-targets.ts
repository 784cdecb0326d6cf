// Fuzz targets above single messages: link stage and frames of one connection, and a whole client
// session with its renderer at a server that says damaged things. The bytes are those of captured
// servers, so that a session gets as far as a real one before the damage shows.

import { plainDecoders, Renderer, runDecodeJob } from "@caraway/canvas";
import { type ConnectionKey, ConversationTap } from "@caraway/channel";
import { ClientSession, defaultSessionOptions, type SessionInput } from "@caraway/client";
import { CodecError } from "@caraway/codecs";
import { ticketSize } from "@caraway/protocol";
import type { CarawayError } from "@caraway/wire";
import { archivedCaptures, streamOf } from "./capture-archive.ts";
import type { FuzzTarget, FuzzVerdict } from "./fuzz-target.ts";

/** Beyond this the streams hold more of the same. */
const streamSizeMax = 24 << 10;

/** Server and client bytes of the channels of one session, in the order in which they opened. */
function sessionStreams(session: string): { server: Uint8Array; client: Uint8Array }[] {
  return archivedCaptures()
    .filter((each) => each.session === session && each.name.startsWith("PA"))
    .map(({ capture }) => ({
      server: streamOf(capture, "server").subarray(0, streamSizeMax),
      client: streamOf(capture, "client").subarray(0, streamSizeMax),
    }));
}

const streams = sessionStreams("seamless");
const [main] = streams;

/** A damaged conversation ends in a finding, never in an exception. */
function listen(server: Uint8Array, client: Uint8Array): FuzzVerdict {
  const tap = new ConversationTap();
  let verdict: FuzzVerdict = "taken";
  const drain = () => {
    for (let finding = tap.poll(); finding !== null; finding = tap.poll()) {
      if (finding.type === "broken") verdict = "refused";
    }
  };
  // Cut where a socket might.
  for (let at = 0; at < Math.max(server.length, client.length); at += 977) {
    tap.push("client", client.subarray(at, at + 977));
    drain();
    tap.push("server", server.subarray(at, at + 977));
    drain();
  }
  return verdict;
}

/** Link replies by which a channel's stream is known: the session asks for channels in its order. */
class DamagedServer {
  readonly #session = new ClientSession({
    ...defaultSessionOptions,
    channels: ["main", "display", "inputs", "cursor"],
    endpoint: { host: "h", port: 1, tlsPort: null, unixPath: null, url: null, identity: null },
  });
  readonly #renderer = new Renderer();
  readonly #inputs: SessionInput[] = [{ type: "command", command: { name: "open" } }];
  readonly #streams: readonly Uint8Array[];
  #connections = 0;
  #now = 0;
  #refused = false;

  /** `streams`: what the first, second, … connection says. */
  constructor(streams: readonly Uint8Array[]) {
    this.#streams = streams;
  }

  run(): FuzzVerdict {
    for (let turns = 0; turns < 4000; turns++) {
      const input = this.#inputs.shift() ?? this.#timeout();
      if (input === null) return this.#refused ? "refused" : "taken";
      this.#session.handle(input, this.#now);
      this.#drain();
    }
    throw new Error("the session does not come to an end");
  }

  #timeout(): SessionInput | null {
    const deadline = this.#session.deadline();
    // One second of virtual time: what a session does later is the business of its own tests.
    if (deadline === null || deadline > 1000) return null;
    this.#now = Math.max(this.#now, deadline);
    return { type: "timeout" };
  }

  #drain(): void {
    for (let output = this.#session.poll(); output !== null; output = this.#session.poll()) {
      switch (output.type) {
        case "connect":
          this.#accept(output.connection);
          break;
        case "task":
          this.#inputs.push({
            type: "done",
            task: output.task,
            result: { kind: "ticket", ticket: new Uint8Array(ticketSize) },
          });
          break;
        case "render":
          this.#render(output.command);
          break;
        case "event":
          if (output.event.name === "channel-lost") this.#refused = true;
          if (output.event.name === "ended") this.#refused = true;
          break;
        default:
          break;
      }
    }
  }

  #accept(connection: ConnectionKey): void {
    const stream = this.#streams[this.#connections++];
    this.#inputs.push({ type: "connected", connection });
    if (stream !== undefined) this.#inputs.push({ type: "received", connection, bytes: stream });
  }

  #render(command: Parameters<Renderer["handle"]>[0]): void {
    this.#renderer.handle(command);
    for (let output = this.#renderer.poll(); output !== null; output = this.#renderer.poll()) {
      switch (output.type) {
        case "applied":
          this.#inputs.push({ type: "rendered", display: output.display });
          break;
        case "failed":
          this.#inputs.push({
            type: "render-failed",
            display: output.display,
            error: output.error,
          });
          break;
        case "decode": {
          const { task, job } = output;
          runDecodeJob(job, decoders, (outcome) => {
            this.#renderer.handle({ type: "decoded", task, outcome });
          });
          break;
        }
        default:
          break;
      }
    }
  }
}

const decoders = {
  ...plainDecoders,
  inflate: () => {
    throw new CodecError("zlib", 0, "no inflating here");
  },
  jpeg: (_data: Uint8Array, done: (result: CarawayError) => void) => {
    done(new CodecError("JPEG", 0, "no JPEG here"));
  },
};

const weight = 4;
/** A surface of the largest size that the renderer allows, and the bytes of the session. */
const sessionBound = (size: number) => (1 << 30) + 64 * size;

const names = ["main", "first channel", "second channel", "third channel"] as const;

export const sessionTargets: readonly FuzzTarget[] = [
  {
    name: "channel.tap server",
    seeds: streams.map(({ server }) => server),
    run: (bytes) => listen(bytes, main!.client),
    weight,
    memoryBound: (size) => (1 << 20) + 64 * size,
  },
  {
    name: "channel.tap client",
    seeds: streams.map(({ client }) => client),
    run: (bytes) => listen(main!.server, bytes),
    weight,
    memoryBound: (size) => (1 << 21) + 64 * size,
  },
  ...names.map(
    (name, damaged): FuzzTarget => ({
      name: `client.session, damaged ${name}`,
      seeds: damaged === 0 ? [main!.server] : streams.slice(1).map(({ server }) => server),
      run: (bytes) => {
        const said = [main!.server, ...streams.slice(1).map(({ server }) => server)];
        said[damaged] = bytes;
        return new DamagedServer(said).run();
      },
      weight,
      memoryBound: sessionBound,
    }),
  ),
];

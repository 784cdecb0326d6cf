// A gateway with clients and servers around it, in virtual time: real link stages at both ends, and
// nothing that travels is lost or changed on the way.

import {
  type Address,
  type ConnectionKey,
  type LinkAdmission,
  LinkClient,
  type LinkFailure,
  type LinkProof,
  type LinkRequest,
  LinkServer,
  type TlsIdentity,
  type TransportFailure,
} from "@caraway/channel";
import type { Endpoint } from "@caraway/client";
import { ChannelType, CommonCapability, capabilityWords } from "@caraway/protocol";
import { joinBytes } from "@caraway/wire";
import {
  decodeGrant,
  defaultGatewayLimits,
  encodeGrant,
  Gateway,
  type GatewayEvent,
  type GatewayLimits,
  type GatewayOutput,
  type Grant,
} from "../src/index.ts";

export const common = capabilityWords([
  CommonCapability.SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION,
  CommonCapability.SPICE_COMMON_CAP_AUTH_SPICE,
  CommonCapability.SPICE_COMMON_CAP_MINI_HEADER,
]);

export function endpoint(known: Partial<Endpoint> = {}): Endpoint {
  return {
    host: "vm-host",
    port: 5900,
    tlsPort: null,
    unixPath: null,
    url: null,
    identity: null,
    ...known,
  };
}

export function grantFor(known: Partial<Grant> = {}): Grant {
  return {
    session: "s1",
    vm: "one",
    user: "ann",
    expiresAt: 1_000_000,
    server: endpoint(),
    username: null,
    password: "open sesame",
    ...known,
  };
}

/** Stands for the driver's cryptography: what is sealed cannot be told from its grant. */
export function seal(grant: Grant): string {
  return `g1.${Buffer.from(encodeGrant(grant)).toString("base64url")}`;
}

export function unseal(credential: string): Grant {
  return decodeGrant(Buffer.from(credential.slice(3), "base64url").toString("utf8"));
}

/** What a client has received, and its end of the link stage. */
export class TestClient {
  readonly world: World;
  readonly key: ConnectionKey;
  readonly #link: LinkClient;
  failure: LinkFailure | null = null;
  isLinked = false;
  isClosed = false;
  isPaused = false;
  channelCapabilities: readonly number[] = [];
  data: Uint8Array = new Uint8Array();
  /** Sent behind the ticket, before anything is known of its result. */
  early: Uint8Array | null = null;
  #isTicketSent = false;

  constructor(world: World, key: ConnectionKey, channel: Partial<LinkRequest>) {
    this.world = world;
    this.key = key;
    this.#link = new LinkClient({
      connection: key,
      connectionId: 0,
      channelType: ChannelType.MAIN,
      channelId: 0,
      commonCapabilities: common,
      channelCapabilities: [5],
      ...channel,
    });
  }

  link(): void {
    this.#link.connected();
    this.#drain();
  }

  send(bytes: Uint8Array): void {
    this.world.input({ type: "received", connection: this.key, bytes });
  }

  received(bytes: Uint8Array): void {
    if (this.isLinked) {
      this.data = joinBytes([this.data, bytes]);
      return;
    }
    this.#link.received(bytes);
    this.#drain();
  }

  #drain(): void {
    for (let output = this.#link.poll(); output !== null; output = this.#link.poll()) {
      switch (output.type) {
        case "transmit":
          this.send(output.bytes);
          break;
        case "task":
          this.#link.done({ kind: "ticket", ticket: new Uint8Array(128).fill(0xaa) });
          this.#isTicketSent = true;
          break;
        case "linked":
          this.isLinked = true;
          this.channelCapabilities = output.agreement.channelCapabilities;
          this.data = Uint8Array.from(output.rest);
          break;
        case "failed":
          this.failure = output.failure;
          break;
      }
    }
    const { early } = this;
    if (early === null || !this.#isTicketSent) return;
    this.early = null;
    this.send(early);
  }
}

/** A connection that the gateway has opened to a server. */
export class TestServer {
  readonly world: World;
  readonly key: ConnectionKey;
  readonly address: Address;
  readonly tls: TlsIdentity | null;
  readonly #link: LinkServer;
  request: LinkRequest | null = null;
  proof: LinkProof | null = null;
  isLinked = false;
  isClosed = false;
  isPaused = false;
  data: Uint8Array = new Uint8Array();

  constructor(world: World, output: Extract<GatewayOutput, { type: "connect" }>) {
    this.world = world;
    this.key = output.connection;
    this.address = output.address;
    this.tls = output.tls;
    this.#link = new LinkServer(this.key, {
      usesSasl: false,
      admit: (request) => {
        this.request = request;
        return world.admission(this);
      },
      judge: (_request, proof) => {
        this.proof = proof;
        return world.judge(this);
      },
    });
  }

  send(bytes: Uint8Array): void {
    this.world.input({ type: "received", connection: this.key, bytes });
  }

  received(bytes: Uint8Array): void {
    if (this.isLinked) {
      this.data = joinBytes([this.data, bytes]);
      return;
    }
    this.#link.received(bytes);
    for (let output = this.#link.poll(); output !== null; output = this.#link.poll()) {
      switch (output.type) {
        case "transmit":
          this.send(output.bytes);
          break;
        case "task":
          if (output.work.kind === "key") {
            this.#link.done({ kind: "key", publicKey: new Uint8Array(162).fill(9) });
          } else if (output.work.kind === "decrypt") {
            // The gateway's task has put the password into the ticket in plain.
            this.#link.done({ kind: "decrypt", plain: output.work.ticket });
          }
          break;
        case "linked":
          this.isLinked = true;
          this.data = Uint8Array.from(output.link.rest);
          if (this.world.greeting !== null) this.send(this.world.greeting);
          break;
        case "failed":
          this.world.input({ type: "closed", connection: this.key, failure: null });
          this.isClosed = true;
          break;
      }
    }
  }
}

export interface WorldOptions {
  readonly limits?: Partial<GatewayLimits>;
  readonly allowTarget?: (host: string) => boolean;
}

export class World {
  readonly gateway: Gateway;
  readonly events: GatewayEvent[] = [];
  readonly clients = new Map<ConnectionKey, TestClient>();
  readonly servers: TestServer[] = [];
  now = 0;
  #nextKey = 1;
  readonly #inputs: Parameters<Gateway["handle"]>[0][] = [];
  #running = false;
  /** What servers do; replaced by tests. */
  admission: (server: TestServer) => LinkAdmission = () => ({
    kind: "admit",
    channelCapabilities: [0x77],
  });
  judge: (server: TestServer) => ReturnType<ConstructorParameters<typeof LinkServer>[1]["judge"]> =
    () => ({ kind: "accept" });
  /** What servers say at once behind the link stage. */
  greeting: Uint8Array | null = null;
  /** Answers a connect that does not succeed. */
  unreachable: (address: Address) => TransportFailure | null = () => null;

  constructor(options: WorldOptions = {}) {
    this.gateway = new Gateway({
      publicKey: new Uint8Array(162).fill(3),
      seal,
      allowTarget: options.allowTarget ?? (() => true),
      targetExpiry: ({ expiresAt }) => expiresAt,
      limits: { ...defaultGatewayLimits, ...options.limits },
    });
  }

  /** A client with a grant, that asks for a channel; null when it is refused at the door. */
  client(grant: Grant, channel: Partial<LinkRequest> = {}, address = "192.0.2.1"): TestClient {
    const client = this.arrive(grant, channel, address);
    client.link();
    return client;
  }

  /** As `client`, before its first byte. */
  arrive(grant: Grant, channel: Partial<LinkRequest> = {}, address = "192.0.2.1"): TestClient {
    const client = new TestClient(this, this.#nextKey++, channel);
    this.clients.set(client.key, client);
    const arrival = { address, way: "websocket" } as const;
    this.input({ type: "accepted", connection: client.key, grant, arrival });
    return client;
  }

  refusal(grant: Grant, address = "192.0.2.1") {
    return this.gateway.refusal(grant, { address, way: "websocket" });
  }

  input(input: Parameters<Gateway["handle"]>[0]): void {
    this.#inputs.push(input);
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      this.gateway.handle(next, this.now);
      for (let out = this.gateway.poll(); out !== null; out = this.gateway.poll()) {
        this.#perform(out);
      }
    }
    this.#running = false;
  }

  /** Moves the clock, deadline by deadline. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let due = this.gateway.deadline(); due !== null && due <= end; ) {
      this.now = Math.max(this.now, due);
      this.input({ type: "timeout" });
      due = this.gateway.deadline();
    }
    this.now = end;
  }

  eventsNamed<N extends GatewayEvent["name"]>(name: N): Extract<GatewayEvent, { name: N }>[] {
    return this.events.filter(
      (event): event is Extract<GatewayEvent, { name: N }> => event.name === name,
    );
  }

  end(key: ConnectionKey): TestClient | TestServer {
    return this.clients.get(key) ?? this.servers.find((server) => server.key === key)!;
  }

  #perform(output: GatewayOutput): void {
    switch (output.type) {
      case "connect": {
        const server = new TestServer(this, output);
        const { connection, address } = output;
        this.servers.push(server);
        const failure = this.unreachable(address);
        if (failure === null) this.input({ type: "connected", connection });
        else this.input({ type: "closed", connection, failure });
        break;
      }
      case "transmit": {
        const end = this.end(output.connection);
        if (end.isClosed) throw new Error("bytes for a connection that is closed");
        end.received(output.bytes);
        break;
      }
      case "pause":
        this.end(output.connection).isPaused = true;
        break;
      case "resume":
        this.end(output.connection).isPaused = false;
        break;
      case "disconnect":
        this.end(output.connection).isClosed = true;
        break;
      case "task": {
        const { task, work } = output;
        if (work.kind !== "ticket") throw new Error("only tickets are asked for here");
        const ticket = new Uint8Array(128);
        ticket.set(Buffer.from("open sesame\0"));
        this.input({ type: "done", task, result: { kind: "ticket", ticket } });
        break;
      }
      case "event":
        this.events.push(output.event);
        break;
    }
  }
}

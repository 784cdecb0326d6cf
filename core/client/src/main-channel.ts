// The main channel: session parameters, the list of channels, mouse mode, the agent's stream. What
// it learns of migrations it passes on.

import { AgentClient, type AgentCommand } from "@caraway/agent";
import {
  type ClientMessage,
  type Main,
  MouseMode,
  mainCodec,
  type ServerMessage,
} from "@caraway/protocol";
import type { Infer } from "@caraway/wire";
import type { ChannelEnd, ChannelHandler, ChannelSerial } from "./channel-end.ts";
import type { MouseModeName } from "./events.ts";
import type { SessionOptions } from "./options.ts";
import type { Wiring } from "./wiring.ts";

type MainServerMessage = ServerMessage<typeof Main>;
type Body<N extends MainServerMessage["name"]> = Extract<MainServerMessage, { name: N }>["body"];
export type DstInfo = Body<"MIGRATE_BEGIN">["dstInfo"];
export type Destination = Pick<DstInfo, "port" | "sport" | "host" | "certSubject">;
export type ListedChannel = Infer<typeof import("@caraway/protocol").ChannelId>;

/** What the session does with what the main channel learns. */
export interface MainOwner {
  /** The server's `mm_time` is that now. */
  mediaTimeIs(time: number): void;
  sessionBegan(sessionId: number): void;
  channelsListed(channels: readonly ListedChannel[]): void;
  mouseModeIs(mode: MouseModeName): void;
  migrateBegin(destination: Destination, seamlessVersion: number | null): void;
  migrateCancel(): void;
  migrateEnd(): void;
  switchHost(destination: Destination): void;
}

export class MainChannel implements ChannelHandler {
  readonly #end: ChannelEnd;
  readonly #wiring: Wiring;
  readonly #owner: MainOwner;
  readonly #agent: AgentClient;
  #mouseMode: MouseModeName;
  #wantedMouseMode: MouseModeName;

  constructor(end: ChannelEnd, wiring: Wiring, options: SessionOptions, owner: MainOwner) {
    this.#end = end;
    this.#wiring = wiring;
    this.#owner = owner;
    this.#agent = new AgentClient(options.maxClipboard);
    this.#mouseMode = "server";
    this.#wantedMouseMode = options.mouseMode;
  }

  get mouseMode(): MouseModeName {
    return this.#mouseMode;
  }

  snapshot(): unknown {
    return { mouseMode: this.#mouseMode, agent: this.#agent.snapshot() };
  }

  waits(): readonly ChannelSerial[] {
    return [];
  }

  opened(): void {
    this.#agent.serverGone();
    this.#drainAgent();
    // What was kept belongs to the agent's old connection or to an old server.
    this.#end.dropHeld();
  }

  /** The state that a source hands over does not hold the mouse mode. */
  moved(): void {
    if (this.#wantedMouseMode === "client") this.#requestMouseMode("client");
  }

  /** Asks for CHANNELS_LIST, now and when channels appear. */
  attachChannels(): void {
    this.send({ name: "ATTACH_CHANNELS", body: {} });
  }

  send(message: ClientMessage<typeof Main>): void {
    this.#end.send(mainCodec.client.encode(message));
  }

  wantMouseMode(mode: MouseModeName): void {
    this.#wantedMouseMode = mode;
    if (mode !== this.#mouseMode) this.#requestMouseMode(mode);
  }

  agent(command: AgentCommand): void {
    this.#agent.command(command);
    this.#drainAgent();
  }

  /** Whether the guest is about to move in a mode that loses what is on its way to it. */
  holdFiles(hold: boolean): void {
    this.#agent.holdFiles(hold);
    this.#drainAgent();
  }

  /** The session is over: what was on its way to the guest did not arrive. */
  end(): void {
    this.#agent.end();
    this.#drainAgent();
  }

  message(id: number, body: Uint8Array): boolean {
    const message = this.#decode(id, body);
    // An unknown message of the main channel changes no state that this client has.
    if (message !== null) this.#handle(message);
    return true;
  }

  #decode(id: number, body: Uint8Array): MainServerMessage | null {
    try {
      return mainCodec.server.decode(id, body);
    } catch (error) {
      throw this.#end.badMessage(error, id);
    }
  }

  #handle(message: MainServerMessage): void {
    switch (message.name) {
      case "INIT":
        this.#init(message.body);
        break;
      case "CHANNELS_LIST":
        this.#owner.channelsListed(message.body.channels);
        break;
      case "MOUSE_MODE":
        this.#mouseModes(message.body.supportedModes, message.body.currentMode);
        break;
      case "MULTI_MEDIA_TIME":
        this.#owner.mediaTimeIs(message.body.time);
        break;
      case "NAME":
        this.#wiring.event({ name: "vm", vmName: message.body.name, uuid: null });
        break;
      case "UUID":
        this.#wiring.event({ name: "vm", vmName: null, uuid: formatUuid(message.body.uuid) });
        break;
      case "MIGRATE_BEGIN":
        this.#owner.migrateBegin(message.body.dstInfo, null);
        break;
      case "MIGRATE_BEGIN_SEAMLESS":
        this.#owner.migrateBegin(message.body.dstInfo, message.body.srcMigVersion);
        break;
      case "MIGRATE_CANCEL":
        this.#owner.migrateCancel();
        break;
      case "MIGRATE_END":
        this.#owner.migrateEnd();
        break;
      case "MIGRATE_SWITCH_HOST":
        this.#owner.switchHost(message.body);
        break;
      default:
        this.#handleAgent(message);
    }
  }

  #handleAgent(message: MainServerMessage): void {
    switch (message.name) {
      case "AGENT_CONNECTED":
        this.#agent.attach(this.#agent.tokens);
        break;
      case "AGENT_CONNECTED_TOKENS":
        this.#agent.attach(message.body.numTokens);
        break;
      case "AGENT_DISCONNECTED":
        this.#agent.detach();
        break;
      case "AGENT_DATA":
        this.#agent.data(message.body.data);
        break;
      case "AGENT_TOKEN":
        this.#agent.grantTokens(message.body.numTokens);
        break;
      default:
        return;
    }
    this.#drainAgent();
  }

  #init(body: Body<"INIT">): void {
    const { sessionId, ramHint } = body;
    this.#wiring.event({ name: "session", sessionId, ramHint });
    this.#mouseModes(body.supportedMouseModes, body.currentMouseMode);
    this.#owner.mediaTimeIs(body.multiMediaTime);
    if (body.agentConnected !== 0) this.#agent.attach(body.agentTokens);
    else this.#agent.grantTokens(body.agentTokens - this.#agent.tokens);
    this.#drainAgent();
    this.attachChannels();
    this.#owner.sessionBegan(sessionId);
  }

  #mouseModes(supported: number, current: number): void {
    const mode = current === MouseMode.CLIENT ? "client" : "server";
    this.#mouseMode = mode;
    const modes: MouseModeName[] = [];
    if (supported & MouseMode.SERVER) modes.push("server");
    if (supported & MouseMode.CLIENT) modes.push("client");
    this.#wiring.event({ name: "mouse-mode", mode, supported: modes });
    this.#owner.mouseModeIs(mode);
    const wanted = this.#wantedMouseMode;
    if (mode !== wanted && modes.includes(wanted)) this.#requestMouseMode(wanted);
  }

  #requestMouseMode(mode: MouseModeName): void {
    const wire = mode === "client" ? MouseMode.CLIENT : MouseMode.SERVER;
    this.send({ name: "MOUSE_MODE_REQUEST", body: { mode: wire } });
  }

  #drainAgent(): void {
    for (let output = this.#agent.poll(); output !== null; output = this.#agent.poll()) {
      switch (output.type) {
        case "send":
          if (output.name === "AGENT_DATA") this.send({ name: output.name, body: output.body });
          else this.send({ name: output.name, body: output.body });
          break;
        case "event":
          this.#wiring.event(output.event);
          break;
        case "read":
          this.#wiring.readFile(output);
          break;
      }
    }
  }
}

function formatUuid(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

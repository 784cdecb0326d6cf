// Messages of one connection as trees of fields: by the schema of its channel and direction, with
// what opaque bodies hold (migration data, the agent's messages) taken apart too.

import { type AgentMessage, AgentProtocolError, AgentReader } from "@caraway/agent";
import type { Sender } from "@caraway/channel";
import { type ChannelName, channelNameOf } from "@caraway/client";
import {
  AgentCapability,
  type AnyChannelSchema,
  Cursor,
  Display,
  DisplayMigrationData,
  hasCapability,
  Inputs,
  InputsMigrationData,
  Main,
  MainMigrationData,
  Playback,
  Port,
  Record,
  Smartcard,
  SmartcardMigrationData,
  SpicevmcMigrationData,
  Usbredir,
  Webdav,
} from "@caraway/protocol";
import {
  type AnyMessageSchema,
  CarawayError,
  type Fields,
  type Inspection,
  inspectBody,
  type StructSchema,
} from "@caraway/wire";

const schemas: Readonly<{ [N in ChannelName]: AnyChannelSchema }> = {
  main: Main,
  display: Display,
  inputs: Inputs,
  cursor: Cursor,
  playback: Playback,
  record: Record,
  smartcard: Smartcard,
  usbredir: Usbredir,
  port: Port,
  webdav: Webdav,
};

const migrationData: Readonly<Partial<{ [N in ChannelName]: StructSchema<Fields> }>> = {
  main: MainMigrationData,
  display: DisplayMigrationData,
  inputs: InputsMigrationData,
  smartcard: SmartcardMigrationData,
  usbredir: SpicevmcMigrationData,
  port: SpicevmcMigrationData,
  webdav: SpicevmcMigrationData,
};

/** Which form the list of surfaces has is not in the data; the lossless one is the usual. */
const migrationContext = new Set(["losslessSurfaces"]);

const agentMessageSizeMax = 256 << 20;

export interface InspectedMessage {
  /** Null where the id is not declared. */
  readonly name: string | null;
  readonly id: number;
  readonly size: number;
  readonly inspection: Inspection | null;
  /** What the body holds beside its own fields. */
  readonly inner: readonly InspectedInner[];
}

export interface InspectedInner {
  readonly kind: "migration-data" | "agent-message" | "error";
  readonly name: string;
  readonly value: unknown;
}

export class InspectedChannel {
  readonly name: ChannelName;
  readonly #agents = {
    client: new AgentReader(agentMessageSizeMax),
    server: new AgentReader(agentMessageSizeMax),
  };
  readonly #agentCaps: { client: readonly number[]; server: readonly number[] } = {
    client: [],
    server: [],
  };

  constructor(name: ChannelName) {
    this.name = name;
  }

  static ofType(type: number): InspectedChannel | null {
    const name = channelNameOf(type);
    return name === null ? null : new InspectedChannel(name);
  }

  inspect(from: Sender, id: number, body: Uint8Array): InspectedMessage {
    const messages: readonly AnyMessageSchema[] = schemas[this.name][from];
    const schema = messages.find((message) => message.id === id);
    const size = body.length;
    if (schema === undefined) return { name: null, id, size, inspection: null, inner: [] };
    const inspection = inspectBody(schema, body);
    return { name: schema.name, id, size, inspection, inner: this.#inner(from, schema.name, body) };
  }

  #inner(from: Sender, name: string, body: Uint8Array): readonly InspectedInner[] {
    if (name === "MIGRATE_DATA") return this.#migrationData(body);
    if (this.name === "main" && name === "AGENT_DATA") return this.#agent(from, body);
    return [];
  }

  #migrationData(body: Uint8Array): readonly InspectedInner[] {
    const schema = migrationData[this.name];
    if (schema === undefined) return [];
    const inspection = inspectBody(schema, body, migrationContext);
    return [{ kind: "migration-data", name: schema.name, value: inspection }];
  }

  #agent(from: Sender, body: Uint8Array): readonly InspectedInner[] {
    try {
      return this.#agents[from].push(body, this.#agentContext()).map((message) => {
        this.#note(from, message);
        return { kind: "agent-message", name: message.name, value: message.body };
      });
    } catch (error) {
      if (!(error instanceof CarawayError)) throw error;
      // The stream is out of step: what follows starts a new one, as after an agent's restart.
      this.#agents[from] = new AgentReader(agentMessageSizeMax);
      const name = error instanceof AgentProtocolError ? "agent" : error.name;
      return [{ kind: "error", name, value: error.message }];
    }
  }

  #note(from: Sender, message: AgentMessage): void {
    if (message.name === "ANNOUNCE_CAPABILITIES") this.#agentCaps[from] = message.body.caps;
  }

  /** Capabilities that both ends announced: they change the layout of clipboard messages. */
  #agentContext(): ReadonlySet<string> {
    const { client, server } = this.#agentCaps;
    const both = Object.entries(AgentCapability).filter(([, bit]) => {
      return hasCapability(client, bit) && hasCapability(server, bit);
    });
    return new Set(both.map(([name]) => name));
  }
}

import { AgentCapability, capabilityWords, MonitorsConfigFlag } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import {
  AgentClient,
  type AgentClientOutput,
  type AgentMessage,
  AgentReader,
  agentPieces,
} from "../src/index.ts";

const none: ReadonlySet<string> = new Set();
const guestCapabilities = capabilityWords([
  AgentCapability.MONITORS_CONFIG,
  AgentCapability.MONITORS_CONFIG_POSITION,
]);
const monitor = { width: 1280, height: 800, x: 0, y: 0 };

/** An agent's client end, and what it said. */
class Subject {
  readonly client = new AgentClient();
  readonly #reader = new AgentReader(1 << 20);

  /** Everything since the last call. */
  drain(): AgentClientOutput[] {
    const outputs: AgentClientOutput[] = [];
    for (let output = this.client.poll(); output !== null; output = this.client.poll()) {
      outputs.push(output);
    }
    return outputs;
  }

  /** Messages to the guest since the last call, and events by type. */
  said(): (AgentMessage | string)[] {
    return this.drain().flatMap((output): (AgentMessage | string)[] => {
      if (output.type !== "send") return [output.type];
      if (output.name === "AGENT_START") return ["start"];
      return this.#reader.push(output.body.data, none);
    });
  }

  guestSays(message: AgentMessage): void {
    for (const piece of agentPieces(message, none)) this.client.data(piece);
  }

  /** Attached to an agent that has announced its capabilities. */
  static ready(tokens = 10): Subject {
    const subject = new Subject();
    subject.client.attach(tokens);
    subject.guestSays({
      name: "ANNOUNCE_CAPABILITIES",
      body: { request: 0, caps: guestCapabilities },
    });
    return subject;
  }
}

describe("the client's end of the agent", () => {
  it("starts it and asks for its capabilities", () => {
    const subject = new Subject();
    subject.client.attach(10);
    expect(subject.said()).toEqual([
      "start",
      {
        name: "ANNOUNCE_CAPABILITIES",
        body: {
          request: 1,
          caps: capabilityWords([AgentCapability.MONITORS_CONFIG, AgentCapability.REPLY]),
        },
      },
    ]);
  });

  it("says that it is connected when the guest has announced capabilities, once", () => {
    const subject = Subject.ready();
    const connected = subject.drain().filter(({ type }) => type === "connected");
    expect(connected).toEqual([
      { type: "connected", capabilities: ["MONITORS_CONFIG", "MONITORS_CONFIG_POSITION"] },
    ]);
    subject.guestSays({ name: "ANNOUNCE_CAPABILITIES", body: { request: 0, caps: [1] } });
    expect(subject.drain()).toEqual([]);
  });

  it("answers a guest that asks for capabilities", () => {
    const subject = Subject.ready();
    subject.said();
    subject.guestSays({ name: "ANNOUNCE_CAPABILITIES", body: { request: 1, caps: [1] } });
    expect(subject.said()).toMatchObject([{ name: "ANNOUNCE_CAPABILITIES", body: { request: 0 } }]);
  });

  it("sends a piece a token, and goes on when tokens come", () => {
    const subject = new Subject();
    subject.client.attach(0);
    expect(subject.said()).toEqual(["start"]);
    subject.client.grantTokens(1);
    expect(subject.said()).toHaveLength(1);
    subject.client.wantMonitors([monitor]);
    subject.guestSays({
      name: "ANNOUNCE_CAPABILITIES",
      body: { request: 0, caps: guestCapabilities },
    });
    expect(subject.said()).toEqual(["connected"]);
    subject.client.grantTokens(1);
    expect(subject.said()).toMatchObject([{ name: "MONITORS_CONFIG" }]);
    expect(subject.client.tokens).toBe(0);
  });

  it("says which monitors are wanted once the guest can hear it, with positions if it takes them", () => {
    const subject = new Subject();
    subject.client.wantMonitors([monitor]);
    expect(subject.said()).toEqual([]);
    subject.client.attach(10);
    subject.said();
    subject.guestSays({
      name: "ANNOUNCE_CAPABILITIES",
      body: { request: 0, caps: guestCapabilities },
    });
    expect(subject.said()).toEqual([
      "connected",
      {
        name: "MONITORS_CONFIG",
        body: {
          flags: MonitorsConfigFlag.USE_POS,
          monitors: [{ height: 800, width: 1280, depth: 32, x: 0, y: 0 }],
          sizes: null,
        },
      },
    ]);
  });

  it("says it again to an agent that starts again", () => {
    const subject = Subject.ready();
    subject.client.wantMonitors([monitor]);
    subject.said();
    subject.client.detach();
    expect(subject.said()).toEqual(["disconnected"]);
    subject.client.attach(10);
    subject.guestSays({
      name: "ANNOUNCE_CAPABILITIES",
      body: { request: 0, caps: guestCapabilities },
    });
    expect(subject.said()).toMatchObject([
      "start",
      { name: "ANNOUNCE_CAPABILITIES" },
      "connected",
      { name: "MONITORS_CONFIG" },
    ]);
  });

  it("drops what the agent that is gone did not take", () => {
    const subject = new Subject();
    subject.client.attach(0);
    subject.drain();
    subject.client.detach();
    subject.client.attach(5);
    const pieces = subject.drain().filter((output) => {
      return output.type === "send" && output.name === "AGENT_DATA";
    });
    expect(pieces).toHaveLength(1);
  });

  it("begins a message of a new agent anew, whatever the old one left unfinished", () => {
    const subject = Subject.ready();
    subject.drain();
    const [piece] = agentPieces(
      { name: "ANNOUNCE_CAPABILITIES", body: { request: 0, caps: [1, 2, 3] } },
      none,
    );
    subject.client.data(piece!.subarray(0, 25));
    subject.client.detach();
    subject.client.attach(10);
    subject.drain();
    subject.client.data(piece!);
    expect(subject.drain()).toMatchObject([{ type: "connected" }]);
  });

  it("resets only the agent's connection when its bytes make no sense", () => {
    const subject = Subject.ready();
    subject.drain();
    subject.client.data(new Uint8Array(20).fill(0xff));
    expect(subject.drain()).toMatchObject([
      { type: "disconnected", error: { code: "AGENT_PROTOCOL" } },
    ]);
    subject.client.data(new Uint8Array(20).fill(0xff));
    expect(subject.drain()).toEqual([]);
  });

  it("passes on what it has no part in", () => {
    const subject = Subject.ready();
    subject.drain();
    const message = { name: "REPLY", body: { type: 2, error: 1 } } as const;
    subject.guestSays(message);
    expect(subject.drain()).toEqual([{ type: "message", message }]);
  });
});

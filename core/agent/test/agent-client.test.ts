import { AgentCapability, capabilityWords, MonitorsConfigFlag } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { agentPieces } from "../src/index.ts";
import { Subject, vdagentCapabilities, wordsOf } from "./client-subject.ts";

const monitor = { width: 1280, height: 800, x: 0, y: 0 };
const monitors = { name: "monitors", monitors: [monitor] } as const;

describe("the client's end of the agent", () => {
  it("starts it and asks for its capabilities", () => {
    const subject = new Subject();
    subject.client.attach(10);
    const said = subject.said();
    expect(said.map(({ name }) => name)).toEqual(["START", "ANNOUNCE_CAPABILITIES"]);
    const caps = capabilityWords([
      AgentCapability.MOUSE_STATE,
      AgentCapability.MONITORS_CONFIG,
      AgentCapability.REPLY,
      AgentCapability.DISPLAY_CONFIG,
      AgentCapability.CLIPBOARD_BY_DEMAND,
      AgentCapability.CLIPBOARD_SELECTION,
      AgentCapability.MONITORS_CONFIG_POSITION,
      AgentCapability.FILE_XFER_DETAILED_ERRORS,
      AgentCapability.CLIPBOARD_NO_RELEASE_ON_REGRAB,
      AgentCapability.CLIPBOARD_GRAB_SERIAL,
    ]);
    expect(said[1]).toEqual({ name: "ANNOUNCE_CAPABILITIES", body: { request: 1, caps } });
  });

  it("says that it is connected when the guest has announced capabilities, once", () => {
    const subject = new Subject();
    subject.client.attach(10);
    subject.said();
    subject.announce(["MONITORS_CONFIG", "CLIPBOARD_BY_DEMAND"]);
    expect(subject.said()).toEqual([
      {
        name: "agent",
        connected: true,
        capabilities: ["MONITORS_CONFIG", "CLIPBOARD_BY_DEMAND"],
        error: null,
      },
    ]);
    subject.announce(["MONITORS_CONFIG"]);
    expect(subject.said()).toEqual([]);
  });

  it("answers a guest that asks for capabilities", () => {
    const subject = Subject.ready();
    subject.guestSays({ name: "ANNOUNCE_CAPABILITIES", body: { request: 1, caps: [1] } });
    expect(subject.said()).toMatchObject([{ name: "ANNOUNCE_CAPABILITIES", body: { request: 0 } }]);
  });

  it("sends a piece a token, and goes on when tokens come", () => {
    const subject = new Subject();
    subject.client.attach(0);
    expect(subject.names()).toEqual(["START"]);
    subject.client.grantTokens(1);
    expect(subject.names()).toEqual(["ANNOUNCE_CAPABILITIES"]);
    subject.client.command(monitors);
    subject.announce(["MONITORS_CONFIG"]);
    expect(subject.names()).toEqual(["agent"]);
    subject.client.grantTokens(1);
    expect(subject.names()).toEqual(["MONITORS_CONFIG"]);
    expect(subject.client.tokens).toBe(0);
  });

  it("says which monitors are wanted once the guest can hear it, with positions if it takes them", () => {
    const subject = new Subject();
    subject.client.command(monitors);
    expect(subject.said()).toEqual([]);
    subject.client.attach(10);
    subject.said();
    subject.announce(["MONITORS_CONFIG", "MONITORS_CONFIG_POSITION"]);
    expect(subject.said().at(-1)).toEqual({
      name: "MONITORS_CONFIG",
      body: {
        flags: MonitorsConfigFlag.USE_POS,
        monitors: [{ height: 800, width: 1280, depth: 32, x: 0, y: 0 }],
        sizes: null,
      },
    });
  });

  it("leaves out monitors that are off for a guest that cannot have gaps, and adds known sizes", () => {
    const wish = [
      { width: 0, height: 0, x: 0, y: 0 },
      { ...monitor, widthMm: 300, heightMm: 200 },
    ];
    const said = (names: typeof vdagentCapabilities) => {
      const subject = Subject.ready(names);
      subject.client.command({ name: "monitors", monitors: wish });
      return subject.said()[0];
    };
    expect(said(vdagentCapabilities)).toMatchObject({
      body: { flags: MonitorsConfigFlag.PHYSICAL_SIZE, monitors: [{ width: 0 }, { width: 1280 }] },
    });
    expect(said(["MONITORS_CONFIG"])).toMatchObject({
      body: { monitors: [{ width: 1280 }], sizes: [{ width: 300, height: 200 }] },
    });
  });

  it("sends only the newest of the wishes that wait for tokens", () => {
    const subject = Subject.ready(vdagentCapabilities, 2);
    // The tokens went into capabilities and MAX_CLIPBOARD.
    for (const width of [800, 900, 1000]) {
      subject.client.command({ name: "monitors", monitors: [{ ...monitor, width }] });
    }
    subject.client.grantTokens(10);
    expect(subject.said()).toMatchObject([{ body: { monitors: [{ width: 1000 }] } }]);
  });

  it("tells every agent again what the user wants of the desktop", () => {
    const subject = Subject.ready([...vdagentCapabilities, "DISPLAY_CONFIG"]);
    subject.client.command(monitors);
    subject.client.command({ name: "volume", kind: "playback", mute: false, volume: [1, 2] });
    const config = { wallpaper: false, fontSmoothing: true, animation: false, colorDepth: null };
    subject.client.command({ name: "display-config", config });
    expect(subject.said()).toMatchObject([
      { name: "MONITORS_CONFIG" },
      { name: "AUDIO_VOLUME_SYNC", body: { isPlayback: 1, mute: 0, volume: [1, 2] } },
      { name: "DISPLAY_CONFIG", body: { flags: 5, depth: 0 } },
    ]);
    subject.client.detach();
    expect(subject.names()).toEqual(["agent"]);
    subject.client.attach(1000);
    subject.said();
    subject.announce([...vdagentCapabilities, "DISPLAY_CONFIG"]);
    expect(subject.names()).toEqual([
      "agent",
      "DISPLAY_CONFIG",
      "MONITORS_CONFIG",
      "AUDIO_VOLUME_SYNC",
      "MAX_CLIPBOARD",
    ]);
  });

  it("drops what the agent that is gone did not take", () => {
    const subject = new Subject();
    subject.client.attach(0);
    subject.said();
    subject.client.detach();
    subject.client.attach(5);
    expect(subject.names()).toEqual(["START", "ANNOUNCE_CAPABILITIES"]);
  });

  it("begins a message of a new agent anew, whatever the old one left unfinished", () => {
    const subject = Subject.ready();
    const body = { request: 0, caps: [1, 2, 3] };
    const [piece] = agentPieces({ name: "ANNOUNCE_CAPABILITIES", body }, new Set());
    subject.client.data(piece!.subarray(0, 25));
    subject.client.detach();
    subject.client.attach(10);
    subject.said();
    subject.client.data(piece!);
    expect(subject.said()[0]).toMatchObject({ name: "agent", connected: true });
  });

  it("resets only the agent's connection when its bytes make no sense", () => {
    const subject = Subject.ready();
    subject.client.data(new Uint8Array(20).fill(0xff));
    expect(subject.said()).toMatchObject([
      { name: "agent", connected: false, error: { code: "AGENT_PROTOCOL" } },
    ]);
    subject.client.data(new Uint8Array(20).fill(0xff));
    expect(subject.said()).toEqual([]);
  });

  it("passes on what it has no part in", () => {
    const subject = Subject.ready();
    const message = { name: "REPLY", body: { type: 2, error: 1 } } as const;
    subject.guestSays(message);
    expect(subject.said()).toEqual([{ name: "agent-message", message }]);
  });

  it("reads with capabilities that come in the same bytes", () => {
    const subject = new Subject();
    subject.client.attach(10);
    const caps = wordsOf(vdagentCapabilities);
    const grab = {
      selection: { selection: 0, reserved: new Uint8Array(3) },
      serial: 0,
      types: [1],
    };
    const bytes = [
      ...agentPieces({ name: "ANNOUNCE_CAPABILITIES", body: { request: 0, caps } }, new Set()),
      ...agentPieces(
        { name: "CLIPBOARD_GRAB", body: grab },
        new Set(["CLIPBOARD_SELECTION", "CLIPBOARD_GRAB_SERIAL"]),
      ),
    ].flatMap((piece) => [...piece]);
    subject.client.data(Uint8Array.from(bytes));
    expect(subject.said().at(-1)).toEqual({
      name: "clipboard-offer",
      selection: "CLIPBOARD",
      formats: ["UTF8_TEXT"],
    });
  });
});

describe("a message that was on its way to an agent that is gone", () => {
  const text = new Uint8Array(10_000).fill(65);

  function interrupted(tokens: number): Subject {
    const subject = Subject.ready(vdagentCapabilities, 2);
    const want = { selection: "CLIPBOARD", format: "UTF8_TEXT" } as const;
    subject.client.grantTokens(1);
    subject.client.command({
      name: "clipboard-offer",
      selection: "CLIPBOARD",
      formats: ["UTF8_TEXT"],
    });
    subject.guestSays({
      name: "CLIPBOARD_REQUEST",
      body: { selection: { selection: 0, reserved: new Uint8Array(3) }, type: 1 },
    });
    subject.client.grantTokens(tokens);
    subject.client.command({ name: "clipboard-data", ...want, data: text });
    subject.said();
    return subject;
  }

  it("is completed for its server before the next agent starts, without tokens", () => {
    const subject = interrupted(2);
    expect(subject.client.tokens).toBe(0);
    subject.client.detach();
    subject.client.attach(10);
    const outputs = subject.drain();
    const start = outputs.findIndex(
      (output) => output.type === "send" && output.name === "AGENT_START",
    );
    const filler = outputs.slice(0, start).flatMap((output) => {
      return output.type === "send" && output.name === "AGENT_DATA" ? [output.body.data] : [];
    });
    const whole = 20 + 4 + 4 + text.length;
    expect(filler.reduce((sum, { length }) => sum + length, 0)).toBe(whole - 2 * 2048);
    // A server that has begun anew finds whole messages of no known type.
    for (const piece of filler) {
      const view = new DataView(piece.buffer, piece.byteOffset, piece.length);
      expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([1, 0]);
      expect(view.getUint32(16, true)).toBe(piece.length - 20);
    }
  });

  it("is told of when it was a clipboard's content", () => {
    const subject = interrupted(2);
    subject.client.detach();
    expect(subject.said()).toMatchObject([
      { name: "clipboard-undelivered", format: "UTF8_TEXT", failure: "agent-gone" },
      { name: "agent", connected: false },
    ]);
  });

  it("is not completed for another server before its agent is started", () => {
    const subject = interrupted(2);
    subject.client.serverGone();
    subject.said();
    subject.client.attach(10);
    expect(subject.drain().slice(0, 1)).toMatchObject([{ type: "send", name: "AGENT_START" }]);
  });
});

describe("an agent that is found anew at another server", () => {
  const large = new Uint8Array(30_000).fill(66);

  /** Left in the middle of a paste, and attached to another server. */
  function left(): Subject {
    const subject = Subject.ready(vdagentCapabilities, 1000);
    const want = { selection: "CLIPBOARD", format: "UTF8_TEXT" } as const;
    const { selection } = want;
    subject.client.command({ name: "clipboard-offer", selection, formats: ["UTF8_TEXT"] });
    const body = { selection: { selection: 0, reserved: new Uint8Array(3) }, type: 1 };
    subject.guestSays({ name: "CLIPBOARD_REQUEST", body });
    subject.client.command({ name: "clipboard-data", ...want, data: large });
    subject.said();
    subject.client.serverGone();
    subject.said();
    return subject;
  }

  it("gets what it may wait for until it answers, in whole messages of no known type", () => {
    const subject = left();
    subject.client.attach(3);
    expect(subject.names()).toEqual(["START", "ANNOUNCE_CAPABILITIES"]);
    const pieces = subject.pieces.slice(1);
    expect(pieces.map(({ length }) => length)).toEqual([2048, 2048]);
    for (const piece of pieces) {
      const view = new DataView(piece.buffer, piece.byteOffset, piece.length);
      expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([1, 0]);
      expect(view.getUint32(16, true)).toBe(2028);
    }
    subject.announce(vdagentCapabilities);
    subject.client.grantTokens(100);
    expect(subject.names()).toContain("CLIPBOARD_GRAB");
    expect(subject.pieces.every(({ length }) => length < 2048)).toBe(true);
  });

  it("is asked again when it was given all that it may have waited for", () => {
    const subject = left();
    subject.client.attach(1000);
    expect(subject.names()).toEqual(["START", "ANNOUNCE_CAPABILITIES", "ANNOUNCE_CAPABILITIES"]);
    const filled = subject.pieces.slice(1, -1).reduce((sum, { length }) => sum + length, 0);
    expect(filled).toBeGreaterThanOrEqual(large.length + 28);
  });

  it("gets nothing of that when it is another agent", () => {
    const subject = left();
    subject.client.attach(1);
    subject.said();
    subject.client.detach();
    subject.client.attach(1000);
    expect(subject.names().slice(-2)).toEqual(["START", "ANNOUNCE_CAPABILITIES"]);
  });
});

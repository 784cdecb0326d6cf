import {
  CommonCapability,
  capabilityWords,
  LinkError,
  linkHeaderCodec,
  linkMagic,
  linkMessCodec,
  linkReplyCodec,
} from "@caraway/protocol";
import { joinBytes } from "@caraway/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LinkClient, type LinkOutput, type LinkTask } from "../src/index.ts";

const { SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION: selection } = CommonCapability;
const { SPICE_COMMON_CAP_AUTH_SPICE: spice, SPICE_COMMON_CAP_AUTH_SASL: sasl } = CommonCapability;
const { SPICE_COMMON_CAP_MINI_HEADER: mini } = CommonCapability;

const publicKey = Uint8Array.from({ length: 162 }, (_, index) => index);
const ticket = new Uint8Array(128).fill(7);
const resultOk = Uint8Array.of(0, 0, 0, 0);

function u32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];
}

function header(size: number, more: { magic?: number; major?: number } = {}): Uint8Array {
  return linkHeaderCodec.encode({ magic: linkMagic, major: 2, minor: 2, size, ...more });
}

function reply(bits: readonly number[], error: number = LinkError.OK): Uint8Array {
  const common = capabilityWords(bits);
  const body = linkReplyCodec.encode({
    error,
    pubKey: publicKey,
    numCommonCaps: common.length,
    numChannelCaps: 1,
    caps: [...common, 0x5a],
  });
  return joinBytes([header(body.length), body]);
}

/** A link client, and what it said so far. */
class Subject {
  readonly link = new LinkClient({
    connection: 3,
    connectionId: 77,
    channelType: 2,
    channelId: 1,
    commonCapabilities: capabilityWords([selection, spice, sasl, mini]),
    channelCapabilities: [0x21],
  });
  readonly tasks: LinkTask[] = [];
  sent: Uint8Array = new Uint8Array();
  outcome: Extract<LinkOutput, { type: "linked" | "failed" }> | null = null;

  constructor() {
    this.link.connected();
    this.#drain();
    this.sent = new Uint8Array();
  }

  receive(bytes: Uint8Array, cut = bytes.length): this {
    for (let at = 0; at < bytes.length; at += cut) {
      this.link.received(bytes.subarray(at, at + cut));
      this.#drain();
    }
    return this;
  }

  done(result: Parameters<LinkClient["done"]>[0]): this {
    this.link.done(result);
    this.#drain();
    return this;
  }

  closed(): this {
    this.link.closed();
    this.#drain();
    return this;
  }

  get code(): string | null {
    return this.outcome?.type === "failed" ? this.outcome.failure.code : null;
  }

  #drain(): void {
    for (let output = this.link.poll(); output !== null; output = this.link.poll()) {
      if (output.type === "transmit") this.sent = joinBytes([this.sent, output.bytes]);
      else if (output.type === "task") this.tasks.push(output.work);
      else {
        expect(this.outcome).toBeNull();
        this.outcome = output;
      }
    }
  }
}

const ticketServer = [selection, spice, mini];

describe("the greeting", () => {
  it("says which channel of which session is wanted, with both kinds of capabilities", () => {
    const link = new LinkClient({
      connection: 3,
      connectionId: 77,
      channelType: 2,
      channelId: 1,
      commonCapabilities: [9],
      channelCapabilities: [0x21, 0x22],
    });
    link.connected();
    const parts: Uint8Array[] = [];
    for (let output = link.poll(); output !== null; output = link.poll()) {
      if (output.type === "transmit") parts.push(output.bytes);
    }
    const bytes = joinBytes(parts);
    expect(linkHeaderCodec.decode(bytes).size).toBe(bytes.length - 16);
    expect(linkMessCodec.decode(bytes.subarray(16))).toEqual({
      connectionId: 77,
      channelType: 2,
      channelId: 1,
      numCommonCaps: 1,
      numChannelCaps: 2,
      caps: [9, 0x21, 0x22],
    });
  });
});

describe("a ticket", () => {
  it("is chosen, encrypted by the driver and accepted", () => {
    const subject = new Subject().receive(reply(ticketServer));
    expect(subject.sent).toEqual(Uint8Array.of(1, 0, 0, 0));
    expect(subject.tasks).toEqual([{ kind: "ticket", connection: 3, publicKey }]);
    subject.done({ kind: "ticket", ticket });
    expect(subject.sent).toEqual(joinBytes([[1, 0, 0, 0], ticket]));
    subject.receive(joinBytes([resultOk, [1, 2, 3]]));
    expect(subject.outcome).toEqual({
      type: "linked",
      agreement: {
        miniHeader: true,
        commonCapabilities: capabilityWords(ticketServer),
        channelCapabilities: [0x5a],
      },
      rest: Uint8Array.of(1, 2, 3),
    });
  });

  it("is sent without a choice to a server that offers none", () => {
    const subject = new Subject().receive(reply([mini]));
    subject.done({ kind: "ticket", ticket });
    expect(subject.sent).toEqual(ticket);
    expect(subject.receive(resultOk).outcome?.type).toBe("linked");
  });

  it("agrees on full headers where the server has no mini headers", () => {
    const subject = new Subject().receive(reply([selection, spice]));
    subject.done({ kind: "ticket", ticket }).receive(resultOk);
    expect(subject.outcome).toMatchObject({ agreement: { miniHeader: false } });
  });

  it("of a wrong size is the driver's fault and is not sent", () => {
    const subject = new Subject().receive(reply(ticketServer));
    subject.done({ kind: "ticket", ticket: new Uint8Array(127) });
    expect(subject.code).toBe("LINK_CRYPTO");
    expect(subject.sent.length).toBe(4);
  });

  it("that the driver cannot make ends the link with its reason", () => {
    for (const code of ["NO_CREDENTIALS", "NO_MECHANISM", "SERVER_PROOF", "CRYPTO"] as const) {
      const subject = new Subject().receive(reply(ticketServer));
      subject.done({ kind: "failed", code, detail: "why" });
      expect(subject.code).toBe(`LINK_${code}`);
    }
  });

  it("links byte by byte as in one piece", () => {
    const subject = new Subject().receive(reply(ticketServer), 1);
    subject.done({ kind: "ticket", ticket }).receive(resultOk, 1);
    expect(subject.outcome?.type).toBe("linked");
  });
});

describe("SASL", () => {
  const saslServer = [selection, sasl, mini];
  const list = [...",SCRAM-SHA-256,PLAIN,"].map((char) => char.charCodeAt(0));

  function begun(): Subject {
    const subject = new Subject().receive(reply(saslServer));
    subject.receive(joinBytes([u32(list.length), list]));
    return subject;
  }

  it("goes through mechanism, start, steps and result", () => {
    const subject = begun();
    expect(subject.tasks.pop()).toEqual({
      kind: "sasl-start",
      connection: 3,
      mechanisms: ",SCRAM-SHA-256,PLAIN,",
    });
    subject.done({ kind: "sasl-start", mechanism: "PLAIN", data: Uint8Array.of(9, 8) });
    const plain = [...u32(5), ...[..."PLAIN"].map((char) => char.charCodeAt(0))];
    expect(subject.sent).toEqual(Uint8Array.of(...u32(2), ...plain, ...u32(3), 9, 8, 0));
    subject.receive(Uint8Array.of(...u32(3), 5, 6, 0, 0));
    expect(subject.tasks.pop()).toMatchObject({
      kind: "sasl-step",
      data: Uint8Array.of(5, 6),
      complete: false,
    });
    subject.done({ kind: "sasl-step", data: null });
    expect([...subject.sent.slice(-4)]).toEqual([0, 0, 0, 0]);
    subject.receive(Uint8Array.of(...u32(0), 1));
    expect(subject.tasks.pop()).toMatchObject({ complete: true, data: new Uint8Array() });
    // Both results may be there before the driver has checked the server's proof.
    subject.receive(joinBytes([resultOk, resultOk, [4]]));
    expect(subject.outcome).toBeNull();
    subject.done({ kind: "sasl-step", data: null });
    expect(subject.outcome).toMatchObject({ type: "linked", rest: Uint8Array.of(4) });
  });

  it("says that the credentials are wrong when the server refuses them", () => {
    const subject = begun();
    subject.done({ kind: "sasl-start", mechanism: "PLAIN", data: null });
    subject.receive(Uint8Array.of(...u32(0), 1));
    subject.done({ kind: "sasl-step", data: null }).receive(Uint8Array.of(1, 0, 0, 0));
    expect(subject.code).toBe("LINK_PERMISSION_DENIED");
  });

  it("is followed by the link result, which may still refuse the channel", () => {
    const subject = begun();
    subject.done({ kind: "sasl-start", mechanism: "PLAIN", data: null });
    subject.receive(Uint8Array.of(...u32(0), 1));
    subject.done({ kind: "sasl-step", data: null }).receive(joinBytes([resultOk, [8, 0, 0, 0]]));
    expect(subject.code).toBe("LINK_BAD_CONNECTION_ID");
  });

  it("bounds the mechanism list and each step before anything is kept", () => {
    expect(new Subject().receive(reply(saslServer)).receive(Uint8Array.of(...u32(301))).code).toBe(
      "LINK_BAD_REPLY",
    );
    const subject = begun();
    subject.done({ kind: "sasl-start", mechanism: "PLAIN", data: null });
    expect(subject.receive(Uint8Array.of(...u32((1 << 20) + 1))).code).toBe("LINK_BAD_REPLY");
  });

  it("is refused where the client offers it alone and the server has neither", () => {
    expect(new Subject().receive(reply([selection])).code).toBe("LINK_NO_MECHANISM");
  });

  it("does not keep endless bytes while the driver is busy", () => {
    const subject = begun();
    for (let count = 0; count < 40 && subject.code === null; count++) {
      subject.receive(new Uint8Array(1 << 16));
    }
    expect(subject.code).toBe("LINK_BAD_REPLY");
  });
});

describe("a refusal", () => {
  const errors = Object.entries(LinkError).filter(([name]) => name !== "OK");

  it.each(errors)("%s in the reply is a typed error", (name, value) => {
    expect(new Subject().receive(reply(ticketServer, value)).code).toBe(`LINK_${name}`);
  });

  it.each(errors)("%s as the result is a typed error", (name, value) => {
    const subject = new Subject().receive(reply(ticketServer)).done({ kind: "ticket", ticket });
    expect(subject.receive(Uint8Array.of(...u32(value))).code).toBe(`LINK_${name}`);
  });

  it("of an unknown number is an error, with the number", () => {
    const subject = new Subject().receive(reply(ticketServer, 99));
    expect(subject.outcome).toMatchObject({
      failure: { code: "LINK_ERROR", message: expect.stringContaining("99") },
    });
  });

  it("says what to do about it", () => {
    const subject = new Subject().receive(reply(ticketServer, LinkError.NEED_SECURED));
    expect(subject.outcome).toMatchObject({ failure: { hint: expect.stringContaining("TLS") } });
  });
});

describe("a peer that is no SPICE server", () => {
  it.each([
    ["another magic", header(178, { magic: 0x50545448 }), "LINK_NOT_SPICE"],
    ["another major version", header(178, { major: 1 }), "LINK_MAJOR_MISMATCH"],
    ["a huge reply", header(0xffffffff), "LINK_BAD_REPLY"],
    [
      "a reply too short for its fields",
      joinBytes([header(10), new Uint8Array(10)]),
      "LINK_BAD_REPLY",
    ],
  ])("%s ends the link", (_, bytes, code) => {
    expect(new Subject().receive(bytes).code).toBe(code);
  });

  it("with capability words beyond its reply ends the link", () => {
    const bytes = reply(ticketServer);
    new DataView(bytes.buffer).setUint32(16 + 166, 0xffffffff, true);
    expect(new Subject().receive(bytes).code).toBe("LINK_BAD_REPLY");
  });

  it("that closes at any point of the link stage ends it as closed", () => {
    const bytes = reply(ticketServer);
    for (let size = 0; size < bytes.length; size += 13) {
      expect(new Subject().receive(bytes.subarray(0, size)).closed().code).toBe("LINK_CLOSED");
    }
    const subject = new Subject().receive(bytes).done({ kind: "ticket", ticket });
    expect(subject.receive(Uint8Array.of(0, 0)).closed().code).toBe("LINK_CLOSED");
  });

  it("never makes anything but a link or one typed failure of it", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 1, max: 50 }),
        (tail, cut) => {
          const bytes = joinBytes([
            reply(ticketServer).subarray(0, 250 - Math.min(249, tail.length)),
            tail,
          ]);
          const subject = new Subject().receive(bytes, cut);
          subject.done({ kind: "ticket", ticket }).receive(tail, cut).closed();
          expect(subject.outcome).not.toBeNull();
        },
      ),
    );
  });
});

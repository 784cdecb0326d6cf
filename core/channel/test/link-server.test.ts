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
import {
  type LinkAdmission,
  LinkClient,
  LinkServer,
  type LinkServerHost,
  type LinkServerOutput,
  type LinkServerTask,
  type LinkVerdict,
} from "../src/index.ts";

const { SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION: selection } = CommonCapability;
const { SPICE_COMMON_CAP_AUTH_SPICE: spice, SPICE_COMMON_CAP_AUTH_SASL: sasl } = CommonCapability;
const { SPICE_COMMON_CAP_MINI_HEADER: mini } = CommonCapability;

const publicKey = Uint8Array.from({ length: 162 }, (_, index) => index);
const ticket = new Uint8Array(128).fill(7);

function u32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff];
}

function greeting(bits: readonly number[], more: { magic?: number; major?: number } = {}) {
  const common = capabilityWords(bits);
  const body = linkMessCodec.encode({
    connectionId: 77,
    channelType: 2,
    channelId: 1,
    numCommonCaps: common.length,
    numChannelCaps: 1,
    caps: [...common, 0x21],
  });
  const header = { magic: linkMagic, major: 2, minor: 2, size: body.length, ...more };
  return joinBytes([linkHeaderCodec.encode(header), body]);
}

interface SubjectOptions {
  readonly usesSasl?: boolean;
  readonly admission?: LinkAdmission;
  readonly verdict?: LinkVerdict;
}

/** A link server, and what it said so far. */
class Subject {
  readonly link: LinkServer;
  readonly tasks: LinkServerTask[] = [];
  readonly judged: Parameters<LinkServerHost["judge"]>[1][] = [];
  sent: Uint8Array = new Uint8Array();
  outcome: Extract<LinkServerOutput, { type: "linked" | "failed" }> | null = null;

  constructor({ usesSasl = false, admission, verdict }: SubjectOptions = {}) {
    this.link = new LinkServer(9, {
      usesSasl,
      admit: () => admission ?? { kind: "admit", channelCapabilities: [0x5a] },
      judge: (_request, proof) => {
        this.judged.push(proof);
        return verdict ?? { kind: "accept" };
      },
    });
  }

  receive(...parts: (Uint8Array | readonly number[])[]): this {
    this.link.received(joinBytes(parts));
    return this.drain();
  }

  done(result: Parameters<LinkServer["done"]>[0]): this {
    this.link.done(result);
    return this.drain();
  }

  drain(): this {
    for (let output = this.link.poll(); output !== null; output = this.link.poll()) {
      if (output.type === "transmit") this.sent = joinBytes([this.sent, output.bytes]);
      else if (output.type === "task") this.tasks.push(output.work);
      else this.outcome = output;
    }
    return this;
  }

  takeSent(): Uint8Array {
    const { sent } = this;
    this.sent = new Uint8Array();
    return sent;
  }

  /** The error that a whole reply tells. */
  get replyError(): number {
    return linkReplyCodec.decode(this.sent.subarray(16)).error;
  }
}

/** Past the reply: the client offers tickets. */
function greeted(options: SubjectOptions = {}): Subject {
  const subject = new Subject(options).receive(greeting([selection, spice, mini]));
  subject.done({ kind: "key", publicKey }).takeSent();
  return subject;
}

describe("the server's end of the link stage", () => {
  it("takes a ticket and links with the short header", () => {
    const subject = new Subject().receive(greeting([selection, spice, mini]));
    expect(subject.tasks).toEqual([{ kind: "key", connection: 9 }]);
    subject.done({ kind: "key", publicKey });
    const reply = linkReplyCodec.decode(subject.takeSent().subarray(16));
    expect(reply).toMatchObject({ error: LinkError.OK, pubKey: publicKey, numChannelCaps: 1 });
    expect(reply.caps).toEqual([...capabilityWords([selection, spice, mini]), 0x5a]);
    subject.receive(u32(1), ticket, [1, 2, 3]);
    expect(subject.tasks[1]).toEqual({ kind: "decrypt", connection: 9, ticket });
    subject.done({ kind: "decrypt", plain: Uint8Array.of(65, 66, 0, 99) });
    expect(subject.judged).toEqual([{ kind: "password", password: Uint8Array.of(65, 66) }]);
    expect(subject.sent).toEqual(Uint8Array.of(0, 0, 0, 0));
    expect(subject.outcome).toMatchObject({
      type: "linked",
      link: {
        miniHeader: true,
        rest: Uint8Array.of(1, 2, 3),
        request: { connectionId: 77, channelType: 2, channelId: 1, channelCapabilities: [0x21] },
      },
    });
  });

  it("takes the ticket at once from a client that cannot choose", () => {
    const subject = new Subject().receive(greeting([]));
    subject.done({ kind: "key", publicKey }).receive(ticket);
    expect(subject.tasks[1]).toMatchObject({ kind: "decrypt" });
    subject.done({ kind: "decrypt", plain: Uint8Array.of(0) });
    expect(subject.outcome).toMatchObject({ type: "linked", link: { miniHeader: false } });
  });

  it("tells a wrong magic as soon as it has seen it", () => {
    const subject = new Subject().receive([1, 2, 3, 4]);
    expect(subject.replyError).toBe(LinkError.INVALID_MAGIC);
    expect(subject.outcome).toMatchObject({ type: "failed", failure: { error: 2 } });
  });

  it("tells another version, and says nothing to version 0", () => {
    expect(new Subject().receive(greeting([], { major: 3 })).replyError).toBe(
      LinkError.VERSION_MISMATCH,
    );
    const silent = new Subject().receive(greeting([], { major: 0 }));
    expect(silent.sent).toHaveLength(0);
    expect(silent.outcome).toMatchObject({ type: "failed", failure: { error: null } });
  });

  it.each([17, 4097, 0xffffffff])("refuses a message of %d bytes before it comes", (size) => {
    const header = linkHeaderCodec.encode({ magic: linkMagic, major: 2, minor: 2, size });
    expect(new Subject().receive(header).replyError).toBe(LinkError.INVALID_DATA);
  });

  it("refuses capability words that are not there", () => {
    const bytes = greeting([selection]);
    new DataView(bytes.buffer).setUint32(16 + 6, 1000, true);
    expect(new Subject().receive(bytes).replyError).toBe(LinkError.INVALID_DATA);
  });

  it.each([LinkError.NEED_SECURED, LinkError.NEED_UNSECURED])(
    "tells error %d in place of a reply",
    (error) => {
      const admission = { kind: "refuse", error, detail: "the other way" } as const;
      const subject = new Subject({ admission }).receive(greeting([selection]));
      expect(subject.replyError).toBe(error);
      expect(subject.tasks).toEqual([]);
    },
  );

  it("closes without a word where the host wants that", () => {
    const admission = { kind: "close", detail: "no such channel" } as const;
    const subject = new Subject({ admission }).receive(greeting([selection]));
    expect(subject.sent).toHaveLength(0);
    expect(subject.outcome).toMatchObject({ type: "failed" });
  });

  it("tells the host's verdict as the result", () => {
    const verdict = { kind: "refuse", error: LinkError.BAD_CONNECTION_ID, detail: "" } as const;
    const subject = greeted({ verdict }).receive(u32(1), ticket);
    subject.done({ kind: "decrypt", plain: Uint8Array.of(0) });
    expect(subject.sent).toEqual(Uint8Array.of(8, 0, 0, 0));
    expect(subject.outcome).toMatchObject({ type: "failed", failure: { error: 8 } });
  });

  it("denies a ticket that cannot be decrypted", () => {
    const subject = greeted().receive(u32(1), ticket);
    subject.done({ kind: "refused", detail: "no ticket" });
    expect(subject.sent).toEqual(Uint8Array.of(7, 0, 0, 0));
  });

  it("tells an unknown mechanism by a second reply, as spice-server does", () => {
    const subject = greeted().receive(u32(5));
    expect(subject.replyError).toBe(LinkError.INVALID_DATA);
  });

  it("ends quietly when the driver cannot make a key", () => {
    const subject = new Subject().receive(greeting([selection]));
    subject.done({ kind: "failed", detail: "no entropy" });
    expect(subject.sent).toHaveLength(0);
    expect(subject.outcome).toMatchObject({ type: "failed", failure: { error: null } });
  });

  describe("with SASL", () => {
    function chosen(): Subject {
      const subject = new Subject({ usesSasl: true }).receive(greeting([selection, sasl]), u32(2));
      subject.takeSent();
      subject.done({ kind: "sasl-mechanisms", mechanisms: "PLAIN,X" });
      return subject;
    }

    it("makes no key for a client that will not use it", () => {
      const subject = new Subject({ usesSasl: true }).receive(greeting([selection, sasl]));
      expect(subject.tasks).toEqual([]);
      const { pubKey } = linkReplyCodec.decode(subject.sent.subarray(16));
      expect(pubKey).toEqual(new Uint8Array(162));
    });

    it("lists mechanisms between commas, takes steps, and tells both results", () => {
      const subject = chosen();
      expect(Buffer.from(subject.takeSent()).toString()).toBe("\t\0\0\0,PLAIN,X,");
      subject.receive(u32(1), [88], u32(3), [1, 2, 0]);
      expect(subject.tasks.at(-1)).toEqual({
        kind: "sasl-start",
        connection: 9,
        mechanism: "X",
        data: Uint8Array.of(1, 2),
      });
      subject.done({ kind: "sasl-continue", data: Uint8Array.of(5) });
      expect(subject.takeSent()).toEqual(Uint8Array.of(2, 0, 0, 0, 5, 0, 0));
      subject.receive(u32(0));
      expect(subject.tasks.at(-1)).toMatchObject({ kind: "sasl-step", data: null });
      subject.done({ kind: "sasl-accepted", user: "ann", data: null });
      expect(subject.sent).toEqual(Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0));
      expect(subject.judged).toEqual([{ kind: "user", user: "ann" }]);
      expect(subject.outcome).toMatchObject({ type: "linked" });
    });

    it("closes without a word on a wrong password", () => {
      const subject = chosen().receive(u32(1), [88], u32(0));
      subject.takeSent();
      subject.done({ kind: "refused", detail: "wrong" });
      expect(subject.sent).toHaveLength(0);
      expect(subject.outcome).toMatchObject({ type: "failed" });
    });

    it.each(["PLAIN,X", "Y", ""])("refuses the mechanism %j", (name) => {
      const subject = chosen().receive(u32(name.length), Buffer.from(name));
      expect(subject.outcome).toMatchObject({ type: "failed" });
    });

    it("tells a client that cannot choose SASL that its version is too old", () => {
      const subject = new Subject({ usesSasl: true }).receive(greeting([]));
      subject.done({ kind: "key", publicKey });
      const whole = subject.sent.subarray(16 + 178 + 8);
      expect(linkReplyCodec.decode(whole.subarray(16)).error).toBe(LinkError.VERSION_MISMATCH);
    });

    it("refuses data that is too long before it comes", () => {
      const subject = chosen().receive(u32(1), [88], u32(1 << 20));
      expect(subject.outcome).toMatchObject({ type: "failed" });
    });
  });

  it("holds no more than it must while a task is under way", () => {
    const subject = greeted().receive(u32(1), ticket);
    for (let times = 0; times < 64 && subject.outcome === null; times++) {
      subject.receive(new Uint8Array(4096));
    }
    expect(subject.outcome).toMatchObject({ type: "failed" });
  });

  it("understands our client however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (cuts) => {
        const client = new LinkClient({
          connection: 1,
          connectionId: 0,
          channelType: 1,
          channelId: 0,
          commonCapabilities: capabilityWords([selection, spice, mini]),
          channelCapabilities: [],
        });
        const server = new Subject();
        client.connected();
        let linked = false;
        for (let turn = 0; turn < 20; turn++) {
          let fromClient: Uint8Array = new Uint8Array();
          for (let output = client.poll(); output !== null; output = client.poll()) {
            if (output.type === "transmit") fromClient = joinBytes([fromClient, output.bytes]);
            if (output.type === "task") client.done({ kind: "ticket", ticket });
            if (output.type === "linked") linked = true;
          }
          for (let at = 0, index = 0; at < fromClient.length; index++) {
            const size = cuts[index % cuts.length]!;
            server.receive(fromClient.subarray(at, at + size));
            at += size;
          }
          for (const task of server.tasks.splice(0)) {
            if (task.kind === "key") server.done({ kind: "key", publicKey });
            else server.done({ kind: "decrypt", plain: Uint8Array.of(0) });
          }
          client.received(server.takeSent());
        }
        expect(linked).toBe(true);
        expect(server.outcome).toMatchObject({ type: "linked" });
      }),
    );
  });

  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, usesSasl) => {
        const subject = new Subject({ usesSasl });
        const start = greeting([selection, spice, sasl]);
        subject.receive(start.subarray(0, bytes.length % (start.length + 1)), bytes);
        subject.done({ kind: "key", publicKey }).receive(bytes);
        subject.done({ kind: "sasl-mechanisms", mechanisms: "PLAIN" }).receive(bytes);
        subject.done({ kind: "refused", detail: "" });
      }),
    );
  });
});

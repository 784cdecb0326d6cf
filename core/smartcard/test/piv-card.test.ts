import { PivCard, type PivKey, pivAid, readTlvs, tlv } from "@caraway/smartcard";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const certificate = Uint8Array.from({ length: 900 }, (_, at) => at);
const keys: PivKey[] = [
  { slot: "9a", bits: 2048, certificate },
  { slot: "9c", bits: 1024, certificate: certificate.subarray(0, 100) },
];
const pin = [..."123456"].map((digit) => digit.charCodeAt(0));
const padded = [...pin, 0xff, 0xff];
const other = [..."87654321"].map((digit) => digit.charCodeAt(0));

/** A card whose keys are the identity, and what it answers. */
class Holder {
  readonly card = new PivCard({ keys, pin: "123456", puk: "87654321", guid: new Uint8Array(16) });
  works = 0;

  say(...bytes: number[]): { status: number; data: Uint8Array } {
    this.card.handle({ type: "command", bytes: Uint8Array.from(bytes) });
    for (;;) {
      const output = this.card.poll();
      if (output === null) throw new Error("no answer");
      if (output.type === "work") {
        this.works += 1;
        this.card.handle({ type: "done", task: output.task, data: output.block });
        continue;
      }
      expect(this.card.poll()).toBe(null);
      const { bytes: answer } = output;
      return { status: (answer.at(-2)! << 8) | answer.at(-1)!, data: answer.subarray(0, -2) };
    }
  }

  /** With all that GET RESPONSE brings. */
  whole(...bytes: number[]): { status: number; data: Uint8Array } {
    const parts: Uint8Array[] = [];
    let answer = this.say(...bytes);
    for (; answer.status >> 8 === 0x61; answer = this.say(0, 0xc0, 0, 0, answer.status & 0xff)) {
      parts.push(answer.data);
    }
    return { status: answer.status, data: Buffer.concat([...parts, answer.data]) };
  }

  select(): number {
    return this.whole(0, 0xa4, 4, 0, 9, ...pivAid.subarray(0, 9)).status;
  }

  verify(digits: readonly number[] = padded): number {
    return this.say(0, 0x20, 0, 0x80, 8, ...digits).status;
  }

  /** Signs in parts of 200 bytes. */
  sign(key: number, algorithm: number, block: Uint8Array): { status: number; data: Uint8Array } {
    const all = tlv(0x7c, tlv(0x82), tlv(0x81, block));
    for (let at = 0; ; at += 200) {
      const part = all.subarray(at, at + 200);
      const isLast = at + 200 >= all.length;
      const head = [isLast ? 0 : 0x10, 0x87, algorithm, key, part.length];
      if (isLast) return this.whole(...head, ...part, 0);
      expect(this.say(...head, ...part).status).toBe(0x9000);
    }
  }
}

describe("a PIV card of software", () => {
  it("is selected by its AID, with and without the version", () => {
    const holder = new Holder();
    expect(holder.say(0, 0xa4, 4, 0, 5, ...pivAid.subarray(0, 5)).status).toBe(0x6a82);
    expect(holder.whole(0, 0xcb, 0x3f, 0xff, 5, 0x5c, 3, 0x5f, 0xc1, 2, 0).status).toBe(0x6a82);
    expect(holder.select()).toBe(0x9000);
    const { data } = holder.say(0, 0xa4, 4, 0, 11, ...pivAid, 0);
    expect(readTlvs(data)?.map(({ tag }) => tag)).toEqual([0x61]);
  });

  it("gives its certificate, whole or in parts", () => {
    const holder = new Holder();
    holder.select();
    const command = [0, 0xcb, 0x3f, 0xff, 5, 0x5c, 3, 0x5f, 0xc1, 5];
    const short = holder.whole(...command, 0);
    const long = holder.say(...command.slice(0, 4), 0, 0, ...command.slice(4), 0, 0);
    expect(long).toEqual({ status: 0x9000, data: Uint8Array.from(short.data) });
    const [object] = readTlvs(short.data)!;
    const [found] = readTlvs(object!.value)!;
    expect([found?.tag, Uint8Array.from(found!.value)]).toEqual([0x70, certificate]);
  });

  it("signs for who knows the PIN, and for each signature of the signing key anew", () => {
    const holder = new Holder();
    holder.select();
    const large = Uint8Array.from({ length: 256 }, (_, at) => at);
    const small = large.subarray(0, 128);
    expect(holder.sign(0x9a, 7, large).status).toBe(0x6982);
    expect(holder.verify()).toBe(0x9000);
    expect(holder.sign(0x9a, 7, large)).toEqual({
      status: 0x9000,
      data: Buffer.from(tlv(0x7c, tlv(0x82, large))),
    });
    expect(holder.sign(0x9c, 6, small).status).toBe(0x6982);
    holder.verify();
    expect(holder.sign(0x9c, 6, small).status).toBe(0x9000);
    expect(holder.sign(0x9c, 6, small).status).toBe(0x6982);
    expect(holder.sign(0x9a, 7, small).status).toBe(0x6a80);
    expect(holder.sign(0x9b, 7, large).status).toBe(0x6a88);
    expect(holder.works).toBe(2);
  });

  it("counts wrong PINs, blocks, and is unblocked by the PUK", () => {
    const holder = new Holder();
    holder.select();
    expect(holder.say(0, 0x20, 0, 0x80).status).toBe(0x63c3);
    const wrong = [0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0xff, 0xff];
    expect([holder.verify(wrong), holder.verify(), holder.say(0, 0x20, 0, 0x80).status]).toEqual([
      0x63c2, 0x9000, 0x9000,
    ]);
    expect([1, 2, 3].map(() => holder.verify(wrong))).toEqual([0x63c2, 0x63c1, 0x6983]);
    expect(holder.verify()).toBe(0x6983);
    expect(holder.say(0, 0x2c, 0, 0x80, 16, ...other, ...wrong).status).toBe(0x9000);
    expect(holder.verify(wrong)).toBe(0x9000);
    expect(holder.say(0, 0x24, 0, 0x80, 16, ...wrong, ...padded).status).toBe(0x9000);
    expect(holder.verify()).toBe(0x9000);
  });

  it("forgets who was verified and what was selected with a reset", () => {
    const holder = new Holder();
    holder.select();
    holder.verify();
    holder.card.handle({ type: "reset" });
    expect(holder.say(0, 0x20, 0, 0x80).status).toBe(0x63c3);
    expect(holder.whole(0, 0xcb, 0x3f, 0xff, 3, 0x5c, 1, 0x7e, 0).status).toBe(0x6a82);
  });

  it("answers any bytes with exactly one answer", () => {
    const holder = new Holder();
    holder.select();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(holder.say(...bytes).status).toBeGreaterThanOrEqual(0x6000);
      }),
      { numRuns: 500 },
    );
    expect(JSON.stringify(holder.card.snapshot()).length).toBeLessThan(200);
  });
});

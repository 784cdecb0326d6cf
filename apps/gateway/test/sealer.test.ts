import { randomBytes } from "node:crypto";
import type { Grant } from "@caraway/gateway";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Sealer } from "../src/sealer.ts";

const grant: Grant = {
  session: "s",
  vm: "one",
  user: "ann",
  expiresAt: 5,
  server: {
    host: "10.0.0.1",
    port: 5900,
    tlsPort: null,
    unixPath: null,
    url: null,
    identity: null,
  },
  username: null,
  password: "pw",
};
const secret = Buffer.alloc(32, 1);
const sealer = new Sealer([secret]);

describe("a sealed grant", () => {
  it("opens again, of any length, and only in its own letters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (vm) => {
        const credential = sealer.seal({ ...grant, vm });
        expect(credential).toMatch(/^g1\.[a-z2-7]+$/);
        expect(sealer.open(credential)).toEqual({ ...grant, vm });
      }),
    );
  });

  it("is another each time, and shows nothing of what it holds", () => {
    expect(sealer.seal(grant)).not.toBe(sealer.seal(grant));
  });

  it("does not open when a single letter is changed, added or gone", () => {
    const credential = sealer.seal(grant);
    for (let at = 3; at < credential.length - 1; at++) {
      const other = credential[at] === "a" ? "b" : "a";
      const changed = credential.slice(0, at) + other + credential.slice(at + 1);
      expect(sealer.open(changed)).toBeNull();
    }
    for (const wrong of [credential.slice(0, -2), `${credential}aa`, credential.toUpperCase()]) {
      expect(sealer.open(wrong)).toBeNull();
    }
  });

  it("opens with every secret that is known, and is sealed with the first", () => {
    const [old, fresh] = [randomBytes(32), randomBytes(32)];
    const both = new Sealer([fresh, old]);
    expect(both.open(new Sealer([old]).seal(grant))).toEqual(grant);
    expect(new Sealer([fresh]).open(both.seal(grant))).toEqual(grant);
    expect(new Sealer([old]).open(both.seal(grant))).toBeNull();
  });

  it("is nothing else, whatever is shown", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^g1\.[a-z2-7]{0,200}$/)), (text) => {
        expect(sealer.open(text)).toBeNull();
      }),
    );
    expect(sealer.open(`g1.${"a".repeat(100_000)}`)).toBeNull();
  });
});

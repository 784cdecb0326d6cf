import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeGrant, encodeGrant, type Grant, GrantError } from "../src/index.ts";

const text = fc.string({ unit: "binary", maxLength: 20 });
const port = fc.option(fc.integer({ min: 1, max: 65535 }));
const grants: fc.Arbitrary<Grant> = fc.record({
  session: text,
  vm: text,
  user: text,
  expiresAt: fc.nat(),
  server: fc.record({
    host: text,
    port,
    tlsPort: port,
    unixPath: fc.option(text),
    url: fc.option(text),
    identity: fc.option(
      fc.oneof(
        fc.record({ kind: fc.constant("hostname" as const), host: text }),
        fc.record({ kind: fc.constant("subject" as const), subject: text }),
        fc.record({ kind: fc.constant("public-key" as const), key: fc.uint8Array() }),
      ),
    ),
  }),
  username: fc.option(text),
  password: fc.option(text),
});

it("is read as it was written", () => {
  fc.assert(
    fc.property(grants, (grant) => {
      expect(decodeGrant(encodeGrant(grant))).toEqual(grant);
    }),
  );
});

it("is refused in any other form, with a typed error", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (bytes) => {
      expect(() => decodeGrant(bytes)).toThrow(GrantError);
    }),
  );
  const whole = JSON.parse(encodeGrant(decodeGrant(JSON.stringify(valid)))) as unknown[];
  expect(() => decodeGrant(JSON.stringify([2, ...whole.slice(1)]))).toThrow(/version/);
  expect(() => decodeGrant(JSON.stringify([...whole, null]))).toThrow(GrantError);
});

const valid = [1, ["s", "v", "u", 5], ["h", 5900, null, null, null, null], [null, "p"]];

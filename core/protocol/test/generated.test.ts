// Generated code is held against the reference interpreter of the same schema: on valid values of
// every message and struct, on values with one wrong number, and on mutated bytes.

import {
  arbitraryContext,
  arbitraryFields,
  arbitraryOf,
  checkAnyValue,
  checkBytes,
  checkValue,
  jointsOf,
  mutate,
  protocolSubjects,
  Random,
  type Subject,
} from "@caraway/vectors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const seed = fc.integer({ min: 0, max: 0x7fffffff });
const size = fc.integer({ min: 0, max: 12 });

function validValue(subject: Subject, seed: number, size: number) {
  const context = arbitraryContext(subject.schema.fields, new Random(seed));
  const value = arbitraryFields(subject.schema.fields, arbitraryOf(seed, size, context));
  return { value, context };
}

describe.each(protocolSubjects.map((subject) => [subject.name, subject] as const))(
  "%s",
  (_, subject) => {
    test("any value goes over the wire and back, as the interpreter has it", () => {
      fc.assert(
        fc.property(seed, size, (seed, size) => {
          const { value, context } = validValue(subject, seed, size);
          checkValue(subject, value, context);
        }),
        { numRuns: 40 },
      );
    });

    test("any bytes give the value or the error that the interpreter gives", () => {
      fc.assert(
        fc.property(seed, size, (seed, size) => {
          const { value, context } = validValue(subject, seed, size);
          const bytes = subject.encode(value, context);
          const random = new Random(seed);
          const joints = jointsOf(subject.schema, bytes, context);
          for (let i = 0; i < 5; i++) {
            checkBytes(subject, mutate(bytes, joints, random), context);
          }
        }),
        { numRuns: 40 },
      );
    });

    test("a value with a wrong part is refused as the interpreter refuses it", () => {
      fc.assert(
        fc.property(seed, size, (seed, size) => {
          const { value, context } = validValue(subject, seed, size);
          const random = new Random(seed);
          checkAnyValue(subject, spoil(value, random), context);
        }),
        { numRuns: 40 },
      );
    });
  },
);

/** Changes one number somewhere in a value, or the length of a list or block, or drops a part. */
function spoil(value: unknown, random: Random, field = ""): unknown {
  if (typeof value === "number") {
    const wrong = [-1, 1.5, 2 ** 32, Number.NaN];
    // Another tag would ask for other fields, which the types of TypeScript forbid.
    return random.pick(field === "type" ? wrong : [...wrong, value + 1]);
  }
  if (typeof value === "bigint") return random.pick([-1n, 1n << 64n, value + 1n]);
  if (value instanceof Uint8Array) return new Uint8Array(value.length + 1);
  if (typeof value === "string") return `${value}x`;
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value);
  if (Array.isArray(value)) {
    if (keys.length === 0) return value;
    const index = random.below(keys.length);
    return random.once(2)
      ? value.slice(1)
      : value.map((item, i) => (i === index ? spoil(item, random) : item));
  }
  if (keys.length === 0) return value;
  const key = random.pick(keys) as keyof typeof value;
  return { ...value, [key]: spoil(value[key], random, key) };
}

test("messages of a list have their own names and ids", () => {
  const names = protocolSubjects.map((subject) => subject.name);
  expect(new Set(names).size).toBe(names.length);
});

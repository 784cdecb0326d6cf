// Fuzz targets of the protocol: every message and struct, with inputs that are valid but for one
// or two changes at the joints. A run checks that both decoders agree, not only that they survive.

import { type AnySchema, type Context, node } from "@caraway/wire";
import { type Arbitrary, arbitraryContext, arbitraryFields } from "./arbitrary.ts";
import type { FuzzTarget, FuzzVerdict } from "./fuzz-target.ts";
import { jointsOf, mutate } from "./mutation.ts";
import {
  checkBytes,
  checkValue,
  protocolSubjects,
  type Subject,
  weightBesides,
  weightPerByte,
} from "./protocol-oracle.ts";

export const protocolTargets: readonly FuzzTarget[] = protocolSubjects.map(protocolTarget);

function protocolTarget(subject: Subject): FuzzTarget {
  const check = (bytes: Uint8Array, context: Context): FuzzVerdict =>
    "value" in checkBytes(subject, bytes, context) ? "taken" : "refused";
  return {
    name: subject.name,
    seeds: [],
    next(random) {
      const context = arbitraryContext(subject.schema.fields, random);
      const from: Arbitrary = { random, size: random.below(10), context };
      const value = arbitraryFields(subject.schema.fields, from);
      const valid = checkValue(subject, value, context);
      const bytes = mutate(valid, jointsOf(subject.schema, valid, context), random);
      return { bytes, run: () => check(bytes, context) };
    },
    run: (bytes) => check(bytes, new Set()),
    weight: 1 + Object.values(subject.schema.fields).reduce((sum, s) => sum + partsOf(s), 0),
    // Two values, and what decoding throws away.
    memoryBound: (size) => 4 * (weightBesides + weightPerByte * size),
  };
}

/** How many places a schema has where something can be wrong. */
function partsOf(schema: AnySchema): number {
  const s = node(schema);
  const sum = (schemas: readonly AnySchema[]) => schemas.reduce((n, each) => n + partsOf(each), 0);
  switch (s.kind) {
    case "struct":
      return sum(Object.values(s.fields));
    case "tagged":
      return sum([s.header, ...Object.values(s.cases)].flatMap((fields) => Object.values(fields)));
    case "list":
      return 1 + partsOf(s.item);
    case "pointer":
      return 1 + partsOf(s.target);
    case "when":
    case "given":
      return 1 + partsOf(s.schema);
    default:
      return 1;
  }
}

// Wrong messages made from right ones. A mutation knows where counts, pointers and tags stand, so
// it reaches the checks behind the first one; blind changes of bytes are among them too.

import {
  type Context,
  type FieldNode,
  type Fields,
  inspectBody,
  type NamedFields,
  scalarSize,
} from "@caraway/wire";
import type { Random } from "./random.ts";

/** Where the fields of one message stand that tell lengths, places and kinds. */
export interface Joints {
  readonly counts: readonly Joint[];
  readonly pointers: readonly Joint[];
  readonly tags: readonly Joint[];
}

interface Joint {
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly value: number;
}

export function jointsOf(schema: NamedFields<Fields>, body: Uint8Array, context: Context): Joints {
  const counts: Joint[] = [];
  const pointers: Joint[] = [];
  const tags: Joint[] = [];
  const visit = ({ schema: s, offset, value, children }: FieldNode): void => {
    if (s.kind === "count") {
      counts.push({ offset, size: scalarSize[s.scalar], value: Number(value) });
    } else if (s.kind === "scalar") {
      // A visible number may be a length too.
      if (typeof value === "number") counts.push({ offset, size: scalarSize[s.type], value });
    } else if (s.kind === "enum" || s.kind === "flags") {
      tags.push({ offset, size: scalarSize[s.scalar], value: Number(value) });
    } else if (s.kind === "pointer") {
      pointers.push({ offset, size: 4, value: children[0]?.offset ?? 0 });
    }
    children.forEach(visit);
  };
  inspectBody(schema, body, context).fields.forEach(visit);
  return { counts, pointers, tags };
}

/** A changed copy of `body`. */
export function mutate(body: Uint8Array, joints: Joints, random: Random): Uint8Array {
  const changed = new Uint8Array(body);
  const changes = random.once(4) ? 2 : 1;
  for (let i = 0; i < changes; i++) {
    const kind = random.below(8);
    if (kind < 2 && joints.counts.length > 0) {
      const { offset, size, value } = random.pick(joints.counts);
      const huge = 2 ** (8 * size) - 1;
      const wrong = [value + 1, value - 1, 0, huge, 2 ** (8 * size - 1), random.u32()];
      put(changed, offset, size, random.pick(wrong));
    } else if (kind < 4 && joints.pointers.length > 0) {
      const { offset, size, value } = random.pick(joints.pointers);
      const other = random.pick(joints.pointers).value;
      const end = body.length;
      const wrong = [0, end, end + 1, end - 1, 0xffffffff, value + 1, value - 1, other, offset];
      put(changed, offset, size, random.pick(wrong));
    } else if (kind < 5 && joints.tags.length > 0) {
      const { offset, size, value } = random.pick(joints.tags);
      const wrong = [value + 1, value - 1, value ^ (1 << random.below(8)), 0xffffffff];
      put(changed, offset, size, random.pick(wrong));
    } else if (kind === 5) {
      return changed.subarray(0, random.below(body.length + 1));
    } else if (kind === 6) {
      const longer = new Uint8Array(body.length + 1 + random.below(8));
      longer.set(changed);
      return longer;
    } else if (body.length > 0) {
      changed[random.below(body.length)] = random.u32();
    }
  }
  return changed;
}

function put(bytes: Uint8Array, offset: number, size: number, value: number): void {
  for (let i = 0; i < size && offset + i < bytes.length; i++) {
    bytes[offset + i] = Math.floor(value / 2 ** (8 * i));
  }
}

/** Changes bytes without knowing what they mean, for formats that have no schema. */
export function mutateBlindly(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = new Uint8Array(bytes);
  const changes = 1 + random.below(4);
  for (let i = 0; i < changes && changed.length > 0; i++) {
    // Headers decide most: half of the changes go to the first bytes.
    const reach = random.once(2) ? Math.min(changed.length, 64) : changed.length;
    const at = random.below(reach);
    const kind = random.below(6);
    if (kind === 0) changed[at] = random.pick([0, 1, 0x1f, 0x20, 0x7f, 0x80, 0xff]);
    else if (kind === 1) changed[at]! ^= 1 << random.below(8);
    else if (kind === 2) changed.fill(random.u32(), at, at + 1 + random.below(16));
    else if (kind === 3) changed.copyWithin(at, random.below(changed.length));
    else changed[at] = random.u32();
  }
  return random.once(6) ? changed.subarray(0, random.below(changed.length + 1)) : changed;
}

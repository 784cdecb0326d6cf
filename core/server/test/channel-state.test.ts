import { describe, expect, it } from "vitest";
import { isKnownState } from "../src/bad-state.ts";
import {
  decodeCursorState,
  encodeCursorState,
  isSameShape,
  type MovedCursor,
} from "../src/cursor-state.ts";
import {
  type DisplayData,
  decodeDisplayData,
  encodeDisplayData,
} from "../src/display-migration-data.ts";
import { decodeDisplayState, encodeDisplayState, type MovedDisplay } from "../src/display-state.ts";
import {
  decodeInputsData,
  decodeInputsState,
  encodeInputsData,
  encodeInputsState,
  type MovedInputs,
} from "../src/inputs-state.ts";
import { box } from "./drawings.ts";

const init = {
  pixmapCacheId: 1,
  pixmapCacheSize: 1n << 22n,
  glzDictionaryId: 2,
  glzDictionaryWindowSize: 1 << 20,
};

const shape = { id: 0, width: 64, height: 48, format: 32 as const };
const head = { monitorId: 0, surfaceId: 0, width: 64, height: 48, x: 0, y: 0, flags: 0 };

const display: MovedDisplay = {
  init,
  isSlow: true,
  isMarked: true,
  moves: 3,
  caches: { partCount: 2, parts: [{ sequence: 1, pixmapCaches: [], glzWindows: [] }] },
  compression: "lz4",
  palettes: [5n, 2n ** 60n],
  surfaces: [
    { shape, missing: [box(1, 2, 3, 4)], lossy: [box(0, 0, 64, 48), box(5, 6, 7, 8)] },
    { shape: { ...shape, id: 9, format: 96 as const }, missing: [], lossy: [] },
  ],
  monitors: { maxAllowed: 4, heads: [head] },
  videos: [{ id: 3, surface: 0, box: box(1, 2, 30, 40), codec: 4, reportId: 7, rateStep: 2 }],
  preferredVideoCodecs: [4, 2],
};

const cursor: MovedCursor = {
  shape: {
    ...{ key: 7n, type: 0, width: 2, height: 1, hotSpotX: 1, hotSpotY: 0 },
    data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  },
  place: { x: -3, y: 400, visible: true },
  cached: [9n, 7n],
};

const inputs: MovedInputs = {
  motions: 3,
  leds: 2,
  held: { keys: [0x1e, 0xe01d, 0xe11d45], buttons: 5, position: { x: 70, y: 80, displayId: 1 } },
  prefix: Uint8Array.of(0xe1, 0x1d),
};

const badState = expect.objectContaining({ code: "BAD_STATE" });

describe("the state of a display channel", () => {
  it("comes back as it went", () => {
    expect(decodeDisplayState(encodeDisplayState(display))).toEqual(display);
    const bare = { ...display, isSlow: false, isMarked: false, monitors: null };
    expect(decodeDisplayState(encodeDisplayState(bare))).toEqual(bare);
    expect(isKnownState(encodeDisplayState(display))).toBe(true);
    expect(isKnownState(Uint8Array.of(9, 9, 9))).toBe(false);
  });

  it("is refused when no server of ours has such a channel", () => {
    const [primary] = display.surfaces;
    const [video] = display.videos;
    const surface = (change: object) => ({ surfaces: [{ ...primary!, ...change }] });
    const wrong: Partial<MovedDisplay>[] = [
      { palettes: [1n, 1n] },
      { palettes: Array.from({ length: 130 }, (_, key) => BigInt(key)) },
      { surfaces: [primary!, primary!] },
      { monitors: { maxAllowed: 1, heads: Array.from({ length: 257 }, () => head) } },
      { videos: [video!, video!] },
      { videos: [{ ...video!, id: 64 }] },
      { videos: [{ ...video!, box: box(5, 5, 5, 9) }] },
      surface({ shape: { ...shape, width: 0 } }),
      surface({ shape: { ...shape, height: 0x8000 } }),
      surface({ missing: [box(0, 0, 65, 1)] }),
      surface({ missing: [box(-1, 0, 1, 1)] }),
      surface({ lossy: [box(5, 5, 5, 6)] }),
      surface({ lossy: Array.from({ length: 49 }, (_, x) => box(x, 0, x + 1, 1)) }),
    ];
    for (const change of wrong) {
      const bytes = encodeDisplayState({ ...display, ...change });
      expect(() => decodeDisplayState(bytes), JSON.stringify(Object.keys(change))).toThrow(
        badState,
      );
    }
    const bytes = encodeDisplayState(display);
    expect(() => decodeDisplayState(bytes.subarray(0, bytes.length - 1))).toThrow(
      /preferredVideoCodecs/,
    );
  });
});

describe("MIGRATE_DATA of a display channel", () => {
  const data: DisplayData = {
    messageSerial: 77n,
    init,
    isSlow: true,
    isFreezer: true,
    cacheUses: [5n, 0n, 9n, 0n],
    nextGlzId: 12n,
    surfaces: new Map([
      [0, box(1, 2, 3, 4)],
      [5, null],
    ]),
  };

  it("is read in either form, whatever one's own options are", () => {
    expect(decodeDisplayData(encodeDisplayData(data, true))).toEqual(data);
    const plain = new Map([...data.surfaces.keys()].map((id) => [id, null]));
    expect(decodeDisplayData(encodeDisplayData(data, false))).toEqual({ ...data, surfaces: plain });
    const none = { ...data, surfaces: new Map() };
    expect(decodeDisplayData(encodeDisplayData(none, true))).toEqual(none);
    expect(encodeDisplayData(none, false)).toHaveLength(84);
  });

  it("is refused when it is damaged", () => {
    const damaged = (at: number, value: number) => {
      const body = encodeDisplayData(data, true).slice();
      body[at] = value;
      return () => decodeDisplayData(body);
    };
    expect(damaged(0, 1)).toThrow(badState);
    expect(damaged(4, 2)).toThrow(badState);
    expect(damaged(76, 0xff)).toThrow(badState);
    expect(damaged(80, 3)).toThrow(badState);
    expect(() => decodeDisplayData(new Uint8Array(79))).toThrow(/WIRE|DisplayMigrationData/);
  });
});

describe("the state of a cursor channel", () => {
  it("comes back as it went", () => {
    expect(decodeCursorState(encodeCursorState(cursor))).toEqual(cursor);
    const keyless = { ...cursor, shape: { ...cursor.shape!, key: null } };
    expect(decodeCursorState(encodeCursorState(keyless))).toEqual(keyless);
    const none = { ...cursor, shape: null, place: { ...cursor.place, visible: false } };
    expect(decodeCursorState(encodeCursorState(none))).toEqual(none);
  });

  it("is refused with more shapes than a client keeps, or one twice", () => {
    const many = Array.from({ length: 257 }, (_, key) => BigInt(key));
    for (const cached of [many, [3n, 3n]]) {
      expect(() => decodeCursorState(encodeCursorState({ ...cursor, cached }))).toThrow(badState);
    }
  });

  it("tells shapes apart by key, size, hot spot and data", () => {
    const one = cursor.shape!;
    expect(isSameShape(one, { ...one, data: one.data.slice() })).toBe(true);
    expect(isSameShape(null, null)).toBe(true);
    const others = [
      null,
      { ...one, key: null },
      { ...one, width: 1 },
      { ...one, hotSpotX: 0 },
      { ...one, data: one.data.subarray(1) },
      { ...one, data: one.data.map((byte) => byte ^ 1) },
    ];
    for (const other of others) expect(isSameShape(one, other)).toBe(false);
  });
});

describe("the state of an inputs channel", () => {
  it("comes back as it went", () => {
    expect(decodeInputsState(encodeInputsState(inputs))).toEqual(inputs);
    expect(decodeInputsData(encodeInputsData(7))).toBe(7);
  });

  it("is refused when no client holds such things", () => {
    const wrong: Partial<MovedInputs>[] = [
      { prefix: Uint8Array.of(0x1e) },
      { prefix: Uint8Array.of(0xe0, 0x1d) },
      { prefix: Uint8Array.of(0xe1, 0x1d, 0x45) },
      { held: { ...inputs.held, buttons: 0x80 } },
      { held: { ...inputs.held, keys: [0x9e] } },
      { held: { ...inputs.held, keys: [0xd01d] } },
      { held: { ...inputs.held, keys: Array.from({ length: 513 }, () => 0x1e) } },
    ];
    for (const change of wrong) {
      expect(() => decodeInputsState(encodeInputsState({ ...inputs, ...change }))).toThrow(
        badState,
      );
    }
    const body = encodeInputsData(1).slice();
    body[0] = 0;
    expect(() => decodeInputsData(body)).toThrow(badState);
    expect(() => decodeInputsData(body.subarray(0, 9))).toThrow(/InputsMigrationData/);
  });
});

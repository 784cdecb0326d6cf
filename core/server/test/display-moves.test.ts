import { SurfaceFormat } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { type DisplayItem, DisplayQueue } from "../src/display-queue.ts";
import { ServedDisplay } from "../src/served-display.ts";
import { box, copy, fill, fromSurface } from "./drawings.ts";

const format = SurfaceFormat["32_xRGB"];
const size = { width: 64, height: 48 } as const;
const screen = box(0, 0, 64, 48);
const abilities = { composite: true, a8Surfaces: true };

/** The guest's display, at the source and, loaded, at the target. */
class Guest {
  readonly display = new ServedDisplay(0, () => 0);

  create(surface: number, more: { width?: number; height?: number } = {}): this {
    const { width, height } = { ...size, ...more };
    const content = { stride: width * 4, data: new Uint8Array(width * height * 4) };
    this.display.handle({
      ...{ type: "surface-create", display: 0, surface, width, height, format, content },
    });
    return this;
  }

  fill(area = screen, surface = 0): this {
    this.display.handle({ type: "draw", display: 0, drawing: fill(area, 7, surface) });
    return this;
  }

  destroy(surface: number): this {
    this.display.handle({ type: "surface-destroy", display: 0, surface });
    return this;
  }

  newQueue(): DisplayQueue {
    const queue = new DisplayQueue(this.display, abilities, () => 0);
    this.display.addView(queue);
    return queue;
  }
}

function rest(queue: DisplayQueue): string[] {
  const items: string[] = [];
  for (let item = queue.next(); item !== null; item = queue.next()) items.push(textOf(item));
  return items;
}

function textOf(item: DisplayItem): string {
  switch (item.kind) {
    case "create":
    case "destroy":
      return `${item.kind} ${item.surface.id}`;
    case "refresh": {
      const { left, top, right, bottom } = item.box;
      return `refresh ${item.surface.id} ${left},${top} ${right},${bottom}`;
    }
    default:
      return item.kind;
  }
}

/** A client that has all of a display with these surfaces. */
function settled(guest: Guest): DisplayQueue {
  const queue = guest.newQueue();
  queue.begin();
  rest(queue);
  return queue;
}

describe("what waits for a client that goes to another server", () => {
  it("is nothing when it has everything: then the target sends nothing", () => {
    const left = settled(new Guest().create(0)).leave();
    expect(left.isMarked).toBe(true);
    const queue = new Guest().create(0).newQueue();
    queue.resume(left.surfaces, left.isMarked);
    expect(queue.isEmpty).toBe(true);
  });

  it("is sent from the pixels of the target: drawings and areas", () => {
    const guest = new Guest().create(0).create(1);
    const source = settled(guest);
    guest.fill(box(0, 0, 8, 8));
    source.miss(guest.display.primary!, [box(20, 20, 30, 30)]);
    const { surfaces, isMarked } = source.leave();
    expect(source.isEmpty).toBe(true);
    const queue = new Guest().create(0).create(1).newQueue();
    queue.resume(surfaces, isMarked);
    expect(rest(queue).toSorted()).toEqual(["refresh 0 0,0 8,8", "refresh 0 20,20 30,30"]);
  });

  it("includes surfaces: those that were not made, and those that were not destroyed", () => {
    const guest = new Guest().create(0).create(1).create(2);
    const source = settled(guest);
    const useSurface = (id: number) => {
      const drawing = copy(box(0, 0, 4, 4), fromSurface(id));
      guest.display.handle({ type: "draw", display: 0, drawing });
    };
    useSurface(1);
    rest(source);
    useSurface(2);
    guest.destroy(1);
    const left = source.leave();
    expect(left.surfaces.map(({ shape }) => shape.id).toSorted()).toEqual([0, 1]);
    const queue = new Guest().create(0).create(2).newQueue();
    queue.resume(left.surfaces, left.isMarked);
    expect(rest(queue)).toEqual(["destroy 1", "refresh 0 0,0 4,4"]);
  });

  it("is the whole of a surface whose place another one took", () => {
    const guest = new Guest().create(0);
    const source = settled(guest);
    guest.destroy(0).create(0);
    const left = source.leave();
    expect(left.isMarked).toBe(false);
    const queue = new Guest().create(0).newQueue();
    queue.resume(left.surfaces, left.isMarked);
    expect(rest(queue)).toEqual(["refresh 0 0,0 64,48", "mark"]);
  });

  it("is a new surface where the guest has another size by then", () => {
    const left = settled(new Guest().create(0)).leave();
    const queue = new Guest().create(0, { width: 32 }).newQueue();
    queue.resume(left.surfaces, left.isMarked);
    expect(rest(queue)).toEqual(["destroy 0", "create 0", "refresh 0 0,0 32,48", "mark"]);
  });

  it("is the mark when the client never saw the whole screen", () => {
    const source = new Guest().create(0).newQueue();
    source.begin();
    expect(source.next()).toMatchObject({ kind: "create" });
    const left = source.leave();
    expect(left).toMatchObject({ isMarked: false, surfaces: [{ missing: [screen] }] });
    const queue = new Guest().create(0).newQueue();
    queue.resume(left.surfaces, left.isMarked);
    expect(rest(queue)).toEqual(["refresh 0 0,0 64,48", "mark"]);
  });
});

describe("a display whose changes are noted", () => {
  it("tells what was drawn since the guest came", () => {
    const guest = new Guest().create(0).create(1).fill();
    const { display } = guest;
    expect(display.changesOf(display.primary!)).toEqual([screen]);
    display.noteChanges();
    expect(display.changesOf(display.primary!)).toEqual([]);
    guest.fill(box(1, 1, 5, 5));
    const pixels = { stride: 16, data: new Uint8Array(64) };
    const update = { type: "update", display: 0, surface: 0, box: box(10, 10, 14, 14) } as const;
    display.handle({ ...update, pixels });
    expect(display.changesOf(display.primary!)).toEqual([box(1, 1, 5, 5), box(10, 10, 14, 14)]);
    expect(display.changesOf(display.surface(1)!)).toEqual([]);
    guest.destroy(1).create(1);
    expect(display.changesOf(display.surface(1)!)).toEqual([screen]);
    display.forgetChanges();
    expect(display.changesOf(display.primary!)).toEqual([screen]);
    expect(display.viewCount).toBe(0);
  });
});

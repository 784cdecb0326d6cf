// Videos in a move between two servers: the client's streams go on under the same ids.

import { describe, expect, it } from "vitest";
import { plainEncoders, type ServerOptions } from "../src/index.ts";
import { box, copy, picture } from "./drawings.ts";
import { MoveWorld, type MoveWorldOptions, type Place } from "./move-world.ts";
import { ServerEar } from "./server-ear.ts";

const encoders = { ...plainEncoders, jpeg: true };
const exact: Partial<ServerOptions> = { encoders, jpeg: "never" };
const area = box(16, 16, 144, 112);

function setUp(options: MoveWorldOptions = {}) {
  const size = { width: 160, height: 128 };
  const world = new MoveWorld({ source: exact, target: exact, size, ...options });
  const ear = new ServerEar(world.target);
  return { world, ear };
}

function play(world: MoveWorld, place: Place, frames: number, from = 0): void {
  for (let frame = from; frame < from + frames; frame++) {
    const colors = (x: number, y: number) => {
      const [red, green] = [(x * 2 + frame * 3) & 255, (y * 2 + frame * 5) & 255];
      return (red << 16) | (green << 8) | ((x + y + frame) & 255);
    };
    world.draw(place, copy(area, picture(128, 96, colors)));
    world.advance(40);
  }
}

function figuresOf(world: MoveWorld): string[] {
  return world.clients[0]!.events.flatMap(({ name }) => (name.startsWith("video-") ? [name] : []));
}

describe("a video in a seamless move", () => {
  it("goes on in its stream, whose first frame comes with the first picture", () => {
    const { world, ear } = setUp();
    const client = world.join();
    play(world, "source", 20);
    expect(figuresOf(world)).toEqual(["video-began"]);
    world.move();
    play(world, "target", 5, 20);
    const streamed = ear.names("display 0").filter((name) => name.startsWith("STREAM_"));
    expect(new Set(streamed)).toEqual(new Set(["STREAM_DATA"]));
    expect(ear.names("display 0")).not.toContain("DRAW_COPY");
    expect(figuresOf(world)).toEqual(["video-began"]);
    world.advance(2000);
    expect(ear.names("display 0")).toContain("STREAM_DESTROY");
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("rests at the target when it does not go on there", () => {
    const { world, ear } = setUp();
    const client = world.join();
    play(world, "source", 20);
    world.move();
    world.advance(8000);
    expect(ear.names("display 0")).toContain("STREAM_DESTROY");
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("is not ended by a hold", () => {
    const { world, ear } = setUp();
    world.join();
    play(world, "source", 20);
    world.begin();
    world.stop();
    world.advance(1500);
    world.hand();
    world.switch();
    world.advance(1500);
    world.runWhenTold();
    play(world, "target", 5, 20);
    expect(ear.names("display 0")).not.toContain("STREAM_DESTROY");
    expect(figuresOf(world)).toEqual(["video-began"]);
  });

  it("ends at a target that sends no video, and the picture is exact there", () => {
    const { world, ear } = setUp({ target: { ...exact, streaming: "off" } });
    const client = world.join();
    play(world, "source", 20);
    world.move();
    play(world, "target", 3, 20);
    expect(ear.names("display 0")).toContain("STREAM_DESTROY");
    expect(client.shows()).toEqual(world.truth.colors());
  });

  it("without a peer link, ends before the client leaves", () => {
    const { world, ear } = setUp();
    const client = world.join();
    play(world, "source", 20);
    world.move({ peer: false });
    expect(figuresOf(world).slice(0, 2)).toEqual(["video-began", "video-ended"]);
    expect(client.shows()).toEqual(world.truth.colors());
    expect(ear.names("display 0")).not.toContain("STREAM_DATA");
  });
});

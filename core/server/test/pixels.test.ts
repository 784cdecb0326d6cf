import { SurfaceFormat } from "@caraway/protocol";
import { type DrawnSurface, RandomDrawings } from "@caraway/vectors";
import { describe, expect, it } from "vitest";
import type { CompressionName, ServerOptions } from "../src/index.ts";
import { plainEncoders } from "../src/index.ts";
import { draw, Truth } from "./drawings.ts";
import { deflate, RawClient, type RawClientOptions } from "./raw-client.ts";
import { ServerWorld } from "./server-world.ts";

const size = { width: 90, height: 70 } as const;

function surfacesWith(primary: SurfaceFormat): DrawnSurface[] {
  return [
    { id: 0, ...size, format: primary },
    { id: 1, ...size, format: SurfaceFormat["32_ARGB"] },
    { id: 2, ...size, format: SurfaceFormat["32_xRGB"] },
    { id: 3, ...size, format: SurfaceFormat["16_565"] },
    { id: 4, ...size, format: SurfaceFormat["16_555"] },
    { id: 5, ...size, format: SurfaceFormat["8_A"] },
  ];
}

interface Course {
  readonly seed: number;
  readonly options?: Partial<ServerOptions>;
  readonly client?: RawClientOptions;
  readonly primary?: SurfaceFormat;
  readonly drawings?: number;
  /** Called before each drawing. */
  readonly before?: (index: number, world: ServerWorld, client: RawClient) => void;
}

/** Draws, lets everything settle, and compares all surfaces that the client has. */
function run(course: Course): { world: ServerWorld; client: RawClient; truth: Truth } {
  const { seed, options, client: clientOptions, primary = SurfaceFormat["32_xRGB"] } = course;
  const world = new ServerWorld(options);
  world.begin(size.width, size.height, primary);
  const surfaces = surfacesWith(primary);
  const truth = new Truth();
  for (const { id, width, height, format } of surfaces) {
    truth.create(id, width, height, format);
    if (id === 0) continue;
    const more = { surface: id, width, height, format, content: null };
    world.guest({ type: "surface-create", display: 0, ...more });
  }
  const client = new RawClient(world, clientOptions).openAll("display");
  const drawings = new RandomDrawings(seed, surfaces);
  for (let index = 0; index < (course.drawings ?? 120); index++) {
    course.before?.(index, world, client);
    const drawing = drawings.next();
    truth.draw(drawing);
    world.guest(draw(drawing));
  }
  for (const { connection } of client.channels) world.release(connection);
  world.finishTasks();
  world.advance(2000);
  expect(world.eventsOf("guest-fault")).toEqual([]);
  for (const { id } of surfaces) {
    const shown = client.colors(id);
    if (shown.length === 0) continue;
    expect(differences(shown, truth.colors(id)), `surface ${id}, seed ${seed}`).toEqual([]);
  }
  return { world, client, truth };
}

/** The first differing pixels. */
function differences(shown: Uint32Array, wanted: Uint32Array): string[] {
  const found: string[] = [];
  for (let at = 0; at < wanted.length && found.length < 4; at++) {
    if (shown[at] === wanted[at]) continue;
    const [x, y] = [at % size.width, Math.floor(at / size.width)];
    found.push(`${x},${y}: ${shown[at]?.toString(16)}, not ${wanted[at]?.toString(16)}`);
  }
  return found;
}

const compressions: CompressionName[] = ["off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4"];
const seeds = [1, 2, 3, 4];

describe.each(compressions)("with compression %s", (compression) => {
  it("shows every operation exactly", () => {
    for (const seed of seeds) run({ seed, options: { compression } });
  });

  it("shows them exactly to a client of few abilities, with full headers", () => {
    const client = { miniHeader: false, displayCapabilities: [] };
    for (const seed of seeds) run({ seed, options: { compression }, client });
  });
});

describe("pixels", () => {
  it("are exact on primary surfaces of every format", () => {
    for (const primary of Object.values(SurfaceFormat)) run({ seed: 7, primary });
  });

  it("are exact with zlib around GLZ", () => {
    const encoders = { ...plainEncoders, deflate };
    const { client } = run({
      seed: 5,
      options: { compression: "glz", zlibGlz: "always", encoders },
    });
    expect(client.channel("display").names).toContain("DRAW_COPY");
  });

  it("are exact with an image cache that holds next to nothing", () => {
    const { client } = run({ seed: 6, client: { cachePixels: 3000n }, drawings: 300 });
    expect(client.channel("display").names).toContain("INVAL_LIST");
  });

  it("become exact after losses", () => {
    const encoders = { ...plainEncoders, jpeg: true };
    for (const seed of seeds) {
      run({ seed, options: { compression: "quic", jpeg: "always", encoders } });
    }
  });

  it("become exact with a client that is slow now and then", () => {
    for (const seed of seeds) {
      run({
        seed,
        drawings: 300,
        before: (index, world, client) => {
          const { connection } = client.channel("display");
          if (index % 70 === 10) world.hold(connection);
          if (index % 70 === 60) world.release(connection);
          if (index % 7 === 0) world.advance(100);
        },
      });
    }
  });

  it("become exact with a client that acknowledges late", () => {
    for (const seed of seeds) {
      run({
        seed,
        drawings: 200,
        before: (index, world, client) => {
          const { connection } = client.channel("display");
          if (index === 30) world.hold(connection);
          if (index === 150) world.release(connection);
        },
      });
    }
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VideoCodecType } from "@caraway/protocol";
import type { VideoTask } from "@caraway/server";
import { afterAll, describe, expect, it } from "vitest";
import { findVideoEncoders } from "../src/ffmpeg.ts";
import { VideoTasks } from "../src/serve-video.ts";

const folder = mkdtempSync(join(tmpdir(), "caraway-encoder-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Stands where ffmpeg would: lists one encoder, and answers each frame with its first bytes. */
function program(name: string, perFrame: string): string {
  const path = join(folder, name);
  const script = `#!${process.execPath}
if (process.argv.includes("-encoders")) console.log(" V..... libvpx  VP8");
else {
  const rate = process.argv[process.argv.indexOf("-b:v") + 1];
  process.stdout.write("RIFF LIST movi");
  let held = Buffer.alloc(0);
  process.stdin.on("data", (piece) => {
    held = Buffer.concat([held, piece]);
    for (; held.length >= 64; held = held.subarray(64)) { ${perFrame} }
  });
}
`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

const answer =
  "const head = Buffer.from('00dc\\0\\0\\0\\0', 'latin1'); const text = rate + ' ' + held[0]; " +
  "const data = Buffer.from(text.length % 2 ? text + ' ' : text); " +
  "head.writeUInt32LE(data.length, 4); process.stdout.write(Buffer.concat([head, data]));";

function task(color: number, bitsPerSecond = 1000, encoder = "1"): VideoTask & { image: unknown } {
  const pixels = new Uint32Array(16).fill(color);
  const image = { format: "xrgb", width: 4, height: 4, pixels } as const;
  const budget = { bitsPerSecond, framesPerSecond: 30 };
  return { kind: "video-encode", encoder, codec: VideoCodecType.VP8, image, budget };
}

type EncodeTask = Parameters<VideoTasks["encode"]>[0];

async function encoded(tasks: VideoTasks, ...what: Parameters<typeof task>): Promise<string> {
  return Buffer.from(await tasks.encode(task(...what) as EncodeTask))
    .toString()
    .trim();
}

describe("encoders of video", () => {
  it("are none where there is no program, and the frames are refused", async () => {
    expect(await findVideoEncoders(join(folder, "nothing"))).toBe(null);
    await expect(encoded(new VideoTasks(null), 1)).rejects.toThrow("there are no encoders");
  });

  it("answer each frame, and change their rate without losing one", async () => {
    const found = await findVideoEncoders(program("good", answer));
    expect(found?.codecs).toEqual([VideoCodecType.VP8]);
    const tasks = new VideoTasks(found);
    try {
      expect(await encoded(tasks, 5)).toBe("1000 5");
      expect(await encoded(tasks, 6)).toBe("1000 6");
      let last = "";
      for (let color = 7; color < 250 && !last.startsWith("2000"); color++) {
        last = await encoded(tasks, color, 2000);
        expect(last.endsWith(` ${color}`)).toBe(true);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(last.startsWith("2000")).toBe(true);
    } finally {
      tasks.close();
    }
  });

  it("that end are an error for the frame, and the next one begins anew", async () => {
    const found = await findVideoEncoders(program("bad", "process.exit(1);"));
    const tasks = new VideoTasks(found);
    await expect(encoded(tasks, 1)).rejects.toThrow("ffmpeg: the encoder has ended");
    await expect(encoded(tasks, 2)).rejects.toThrow("ffmpeg: ");
    tasks.close();
  });

  it("are no more than a computer may be asked for", async () => {
    const tasks = new VideoTasks(await findVideoEncoders(program("many", answer)));
    try {
      const names = [...Array(8).keys()].map((number) => `${number}`);
      await Promise.all(names.map((name) => encoded(tasks, 1, 1000, name)));
      await expect(encoded(tasks, 1, 1000, "one more")).rejects.toThrow("8 encoders run already");
      tasks.end("3");
      expect(await encoded(tasks, 9, 1000, "one more")).toBe("1000 9");
    } finally {
      tasks.close();
    }
  });
});

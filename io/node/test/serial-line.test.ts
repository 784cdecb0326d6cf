import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { openSerialLine, streamLine } from "@caraway/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "serial-line-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

describe("the other end of a serial line", () => {
  it("is a socket of the file system", async () => {
    const path = join(directory, "socket");
    const heard: string[] = [];
    const server = createServer((socket) => {
      socket.write("hello");
      socket.on("data", (data) => heard.push(data.toString()));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const line = await openSerialLine(path);
    expect(text(await line.read(2))).toBe("he");
    expect(text(await line.read(10))).toBe("llo");
    await line.write(bytes("there"));
    await expect.poll(() => heard.join("")).toBe("there");
    await line.close();
    server.close();
  });

  it("is a file, to which what is said is appended, and which says nothing", async () => {
    const path = join(directory, "file");
    for (const said of ["one", "two"]) {
      const line = await openSerialLine(path);
      void line.read(10).then(() => expect.fail("a file says something"));
      await line.write(bytes(said));
      await line.close();
    }
    expect(readFileSync(path, "utf8")).toBe("onetwo");
  });

  it("is a named pipe", async () => {
    const path = join(directory, "pipe");
    execFileSync("mkfifo", [path]);
    const line = await openSerialLine(path);
    // Whoever opens a pipe both ways hears what it says itself.
    await line.write(bytes("around"));
    expect(text(await line.read(100))).toBe("around");
    await line.close();
  });

  it("is two streams, and waits when they say nothing", async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const line = streamLine(input, output);
    const read = line.read(100);
    setTimeout(() => input.write("late"), 10);
    expect(text(await read)).toBe("late");
    await line.write(bytes("out"));
    expect(output.read().toString()).toBe("out");
    await line.close();
  });
});

// What a serial adapter of the guest's is connected to here: a terminal, a pipe, a socket, a file, or
// our own standard input and output.

import { constants, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { connect, Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { isatty, ReadStream } from "node:tty";
import type { SerialLine } from "@caraway/driver";

/** A line of two streams, which may be one. */
export function streamLine(input: Readable | null, output: Writable): SerialLine {
  return {
    async read(length) {
      for (;;) {
        const bytes =
          input === null || input.readableLength === 0
            ? null
            : (input.read(Math.min(length, input.readableLength)) as Buffer | null);
        if (bytes !== null && bytes.length > 0) return new Uint8Array(bytes);
        await somethingCame(input);
      }
    },
    write(data) {
      return new Promise((resolve, reject) => {
        output.write(data, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    },
    async close() {
      input?.destroy();
      output.destroy();
    },
  };
}

/** Never, when there is nothing more: a line that says nothing is a line. */
function somethingCame(input: Readable | null): Promise<void> {
  return new Promise((resolve) => {
    if (input === null || input.readableEnded || input.destroyed) return;
    input.once("readable", resolve);
  });
}

/**
 * Opens the line: `-` for standard input and output, a socket of the file system, a terminal, a named
 * pipe, or a file, to which what the guest says is appended. Throws Node's own errors.
 */
export async function openSerialLine(path: string): Promise<SerialLine> {
  if (path === "-") return standardLine();
  const { O_RDWR, O_NOCTTY, O_NONBLOCK, O_CREAT } = constants;
  const socket = await connectTo(path);
  if (socket !== null) return socketLine(socket);
  const file = await open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CREAT, 0o600);
  const stat = await file.stat();
  if (stat.isFile()) {
    await file.close();
    const output = createWriteStream(path, { flags: "a" });
    return streamLine(null, output);
  }
  // The descriptor is the stream's from now on.
  if (isatty(file.fd)) {
    const terminal = new ReadStream(file.fd);
    terminal.setRawMode(true);
    return socketLine(terminal);
  }
  return socketLine(new Socket({ fd: file.fd, readable: true, writable: true }));
}

function standardLine(): SerialLine {
  const { stdin, stdout } = process;
  if (stdin.isTTY) stdin.setRawMode(true);
  const line = streamLine(stdin, stdout);
  return {
    ...line,
    async close() {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.destroy();
    },
  };
}

function socketLine(socket: Socket): SerialLine {
  // Its end is told to whoever reads or writes.
  socket.on("error", () => {});
  return streamLine(socket, socket);
}

/** Null: it is no socket. */
function connectTo(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const isNone =
        error.code === "ECONNREFUSED" || error.code === "ENOENT" || error.code === "ENOTSOCK";
      if (isNone) resolve(null);
      else reject(error);
    });
  });
}

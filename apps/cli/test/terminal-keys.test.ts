import { expect, it } from "vitest";
import { TerminalKeys } from "../src/terminal-keys.ts";

const bytes = (text: string) => ({ kind: "bytes", bytes: Uint8Array.from(Buffer.from(text)) });

it("gives a port all that is typed, and keeps what is meant for the program", () => {
  const keys = new TerminalKeys();
  expect(keys.take(Buffer.from("ls\r\x03"))).toEqual([bytes("ls\r\x03")]);
  expect(keys.take(Buffer.from("a\x1dbc\x1d"))).toEqual([
    bytes("a"),
    { kind: "break" },
    bytes("c"),
  ]);
  expect(keys.take(Buffer.from("\x1dx"))).toEqual([bytes("\x1dx")]);
  expect(keys.take(Buffer.from("\x1dz\x1dq"))).toEqual([{ kind: "leave" }]);
});

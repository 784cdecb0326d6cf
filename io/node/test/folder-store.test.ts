// A folder of this machine and what could lead out of it.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NodeFolder } from "../src/index.ts";

let outer: string;
let shared: string;
let folder: NodeFolder;

beforeEach(async () => {
  outer = mkdtempSync(join(tmpdir(), "caraway-folder-"));
  shared = join(outer, "shared");
  mkdirSync(join(shared, "inside"), { recursive: true });
  writeFileSync(join(outer, "secret"), "secret");
  writeFileSync(join(shared, "a.txt"), "hello");
  folder = await NodeFolder.open(shared, true);
});

afterEach(async () => {
  await folder.close();
  rmSync(outer, { recursive: true });
});

it("follows no link, to a file or to a folder, and lists none", async () => {
  symlinkSync(join(outer, "secret"), join(shared, "link"));
  symlinkSync(outer, join(shared, "way-out"));
  symlinkSync("/dev/zero", join(shared, "inside", "device"));
  const forbidden = { kind: "failed", reason: "forbidden" };
  for (const path of [["link"], ["way-out"], ["way-out", "secret"], ["inside", "device"]]) {
    expect(await folder.perform({ kind: "stat", path })).toMatchObject(forbidden);
    expect(await folder.perform({ kind: "open", path })).toMatchObject(forbidden);
    expect(await folder.perform({ kind: "create", path })).toMatchObject(forbidden);
    expect(await folder.perform({ kind: "remove", path })).toMatchObject(forbidden);
    const [from, to] = [path, ["copy"]];
    expect(await folder.perform({ kind: "copy", from, to, deep: true })).toMatchObject(forbidden);
    expect(await folder.perform({ kind: "move", from, to })).toMatchObject(forbidden);
  }
  const inWayOut = ["way-out", "new"];
  expect(await folder.perform({ kind: "make-folder", path: inWayOut })).toMatchObject(forbidden);
  const [from, to] = [["a.txt"], inWayOut];
  expect(await folder.perform({ kind: "move", from, to })).toMatchObject(forbidden);
  expect(await folder.perform({ kind: "copy", from, to, deep: true })).toMatchObject(forbidden);
  const listed = await folder.perform({ kind: "list", path: [], most: 100 });
  expect(listed).toMatchObject({ entries: expect.arrayContaining([]) });
  const names = listed.kind === "entries" ? listed.entries.map(({ name }) => name).sort() : [];
  expect(names).toEqual(["a.txt", "inside"]);
  // A copy of a folder leaves links behind.
  await folder.perform({ kind: "copy", from: ["inside"], to: ["other"], deep: true });
  expect(readdirSync(join(shared, "other"))).toEqual([]);
  expect(readFileSync(join(outer, "secret"), "utf8")).toBe("secret");
});

it("shows a file that is written when it is whole, and no part of one that is not", async () => {
  const created = await folder.perform({ kind: "create", path: ["a.txt"] });
  if (created.kind !== "file") throw new Error(JSON.stringify(created));
  const { handle } = created;
  await folder.perform({ kind: "write", handle, bytes: Buffer.from("new ") });
  await folder.perform({ kind: "write", handle, bytes: Buffer.from("content") });
  expect(readFileSync(join(shared, "a.txt"), "utf8")).toBe("hello");
  await folder.perform({ kind: "keep", handle });
  expect(readFileSync(join(shared, "a.txt"), "utf8")).toBe("new content");
  const half = await folder.perform({ kind: "create", path: ["half"] });
  if (half.kind !== "file") throw new Error(JSON.stringify(half));
  await folder.perform({ kind: "write", handle: half.handle, bytes: Buffer.from("x") });
  await folder.close();
  expect(readdirSync(shared).sort()).toEqual(["a.txt", "inside"]);
});

it("lists no more than was asked for, and stays where it is", async () => {
  for (let index = 0; index < 5; index++) writeFileSync(join(shared, `f${index}`), "");
  const tooMany = { kind: "failed", reason: "too-many" };
  expect(await folder.perform({ kind: "list", path: [], most: 6 })).toMatchObject(tooMany);
  expect(await folder.perform({ kind: "list", path: [], most: 7 })).toMatchObject({
    kind: "entries",
  });
  const refused = { kind: "failed", reason: "forbidden" };
  expect(await folder.perform({ kind: "remove", path: [] })).toMatchObject(refused);
});

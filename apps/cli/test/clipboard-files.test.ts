import { expect, it } from "vitest";
import { listOf } from "../src/clipboard-files.ts";

const copied = (...paths: string[]) => ({ action: "copy", paths }) as const;

it("prints paths of the guest's folder as they are, a line each", () => {
  expect(listOf(copied("/a b.txt", "/sub/c"), null)).toBe("/a b.txt\n/sub/c\n");
});

it("prints where they are here, and never a place outside of the shared folder", () => {
  const paths = copied("/a.txt", "/../../etc/passwd", "../x", "/sub/../../y");
  const wanted = ["a.txt", "etc/passwd", "x", "y"].map((path) => `/srv/shared/${path}\n`);
  expect(listOf(paths, "/srv/shared")).toBe(wanted.join(""));
});

import type { FolderAnswer, FolderWork } from "@caraway/webdav";
import { expect, it } from "vitest";
import { OfferedFiles, OfferingFolder } from "../src/offered-files.ts";
import type { FolderStore } from "../src/shared-folder.ts";

/** A store of small files by their paths, which tells what it was asked. */
class SmallFiles implements FolderStore {
  readonly writable = true;
  readonly asked: FolderWork[] = [];
  readonly #files: Readonly<Record<string, string>>;
  readonly #open: string[] = [];

  constructor(files: Readonly<Record<string, string>>) {
    this.#files = files;
  }

  async perform(work: FolderWork): Promise<FolderAnswer> {
    this.asked.push(work);
    const path = "path" in work ? work.path.join("/") : "";
    const entry = (size: number) => ({ kind: "file", size, modifiedMs: 1 }) as const;
    const content = this.#files[path];
    if (work.kind === "list") {
      const names = Object.keys(this.#files);
      return { kind: "entries", entries: names.map((name) => ({ name, ...entry(1) })) };
    }
    if (work.kind === "read") {
      return { kind: "bytes", bytes: new TextEncoder().encode(this.#open[work.handle]) };
    }
    if (work.kind === "release") return { kind: "done" };
    if (content === undefined) return { kind: "failed", reason: "not-found", detail: "" };
    if (work.kind === "stat") return { kind: "entry", entry: entry(content.length) };
    if (work.kind !== "open") return { kind: "done" };
    const handle = this.#open.push(content) - 1;
    return { kind: "file", handle, entry: entry(content.length) };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function read(folder: FolderStore, path: readonly string[]): Promise<string> {
  const opened = await folder.perform({ kind: "open", path });
  if (opened.kind !== "file") return opened.kind === "failed" ? opened.reason : opened.kind;
  const { handle } = opened;
  const answer = await folder.perform({ kind: "read", handle, offset: 0, length: 100 });
  await folder.perform({ kind: "release", handle });
  return answer.kind === "bytes" ? new TextDecoder().decode(answer.bytes) : answer.kind;
}

const namesIn = (answer: FolderAnswer) => {
  return answer.kind === "entries" ? answer.entries.map(({ name }) => name) : answer;
};

it("shows copied files beside those of the shared folder, under the paths that it names", async () => {
  const offered = new OfferedFiles();
  const base = new SmallFiles({ "own.txt": "own" });
  const folder = new OfferingFolder(base, offered);
  const list = () => folder.perform({ kind: "list", path: [], most: 10 });
  expect(namesIn(await list())).toEqual(["own.txt"]);
  const [path] = offered.offer([{ store: new SmallFiles({ "a.txt": "copied" }), path: ["a.txt"] }]);
  expect(path).toBe("/.spice-clipboard/1/a.txt");
  expect(namesIn(await list())).toEqual(["own.txt", ".spice-clipboard"]);
  expect(await read(folder, path!.slice(1).split("/"))).toBe("copied");
  expect(await read(folder, ["own.txt"])).toBe("own");
  const inside = await folder.perform({ kind: "list", path: [".spice-clipboard", "1"], most: 10 });
  expect(namesIn(inside)).toEqual(["a.txt"]);
});

it("gives nothing but what was copied of where that comes from", async () => {
  const offered = new OfferedFiles();
  const folder = new OfferingFolder(null, offered);
  const store = new SmallFiles({ "a.txt": "copied", "b.txt": "secret" });
  offered.offer([{ store, path: ["a.txt"] }]);
  expect(await read(folder, [".spice-clipboard", "1", "a.txt"])).toBe("copied");
  expect(await read(folder, [".spice-clipboard", "1", "b.txt"])).toBe("not-found");
  expect(await read(folder, [".spice-clipboard", "2", "a.txt"])).toBe("not-found");
  expect(await read(folder, ["b.txt"])).toBe("not-found");
  const asked = store.asked.flatMap((work) => ("path" in work ? [work.path.join("/")] : []));
  expect(new Set(asked)).toEqual(new Set(["a.txt"]));
});

it("lets nobody write where copied files are", async () => {
  const offered = new OfferedFiles();
  const base = new SmallFiles({ x: "x" });
  const folder = new OfferingFolder(base, offered);
  offered.offer([{ store: new SmallFiles({ a: "a" }), path: ["a"] }]);
  const here = [".spice-clipboard", "1", "a"];
  const works: FolderWork[] = [
    { kind: "create", path: here },
    { kind: "remove", path: here },
    { kind: "make-folder", path: [".spice-clipboard", "9"] },
    { kind: "touch", path: here, modifiedMs: 1 },
    { kind: "move", from: here, to: ["away"] },
    { kind: "copy", from: ["x"], to: here, deep: true },
  ];
  for (const work of works) {
    expect(await folder.perform(work), work.kind).toMatchObject({ reason: "forbidden" });
  }
  expect(base.asked).toEqual([]);
});

it("forgets the oldest of many", () => {
  const offered = new OfferedFiles();
  const store = new SmallFiles({ a: "a" });
  for (let count = 0; count < 100; count++) offered.offer([{ store, path: ["a"] }]);
  expect(offered.ids).toHaveLength(64);
  expect(offered.get("1")).toBeNull();
  expect(offered.get("100")).not.toBeNull();
});

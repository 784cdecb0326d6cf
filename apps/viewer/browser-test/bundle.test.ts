// What somebody who embeds the viewer makes their users load.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type BuiltPage, buildConfigured } from "@caraway/testing-browser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const config = fileURLToPath(new URL("../vite.config.ts", import.meta.url));

/** Of the element with every image decoder, compressed. */
const sizeMax = 200_000;

describe("the built element (smoke)", () => {
  let built: BuiltPage;
  let sizes: Map<string, number>;

  beforeAll(async () => {
    built = await buildConfigured(config);
    const assets = readdirSync(join(built.directory, "assets")).map((name) => `assets/${name}`);
    sizes = new Map(
      ["spice-viewer.js", ...assets].map((name) => {
        return [name, gzipSync(readFileSync(join(built.directory, name)), { level: 9 }).length];
      }),
    );
  });

  afterAll(() => built?.[Symbol.dispose]());

  /** The element's modules, from its entry on, without what is loaded later on demand. */
  function modules(entry: string, known = new Set<string>()): Set<string> {
    if (known.has(entry)) return known;
    known.add(entry);
    const text = readFileSync(join(built.directory, entry), "utf8");
    const imported = text.matchAll(/(?:from|import)\s*"(\.[^"]+\.js)"/g);
    const folder = entry.includes("/") ? "assets/" : "";
    for (const [, path = ""] of imported) {
      modules(new URL(path, `http://x/${folder}`).pathname.slice(1), known);
    }
    return known;
  }

  it("is small with all image decoders, which are in its worker", () => {
    const worker = [...sizes.keys()].filter((name) => name.startsWith("assets/worker-"));
    expect(worker).toHaveLength(1);
    const loaded = [...modules("spice-viewer.js"), ...worker];
    const size = loaded.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
    process.stdout.write(`  the element is ${(size / 1000).toFixed(0)} kB compressed\n`);
    expect(size).toBeGreaterThan(20_000);
    expect(size).toBeLessThanOrEqual(sizeMax);
  });

  it("leaves to later what is seldom needed", () => {
    const first = [...modules("spice-viewer.js")];
    for (const part of ["controls", "inspector", "german", "page-host"]) {
      const chunk = [...sizes.keys()].filter((name) => name.startsWith(`assets/${part}-`));
      expect(chunk, part).toHaveLength(1);
      expect(first).not.toContain(chunk[0]);
    }
  });

  it("exports the element's class to modules", () => {
    const text = readFileSync(join(built.directory, "spice-viewer.js"), "utf8");
    expect(text).toMatch(/export\s*\{[^}]*SpiceViewer/);
  });
});

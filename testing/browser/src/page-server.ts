// Builds a page the way it is published, and serves it to a browser of this machine.

import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { build, defaultClientConditions, type InlineConfig } from "vite";

const mimeTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

export interface BuiltPage extends Disposable {
  /** The folder that was built into. It goes with the page. */
  readonly directory: string;
}

/** Builds the page in a folder from the sources, whatever is compiled elsewhere. */
export async function buildPage(root: string): Promise<BuiltPage> {
  return await buildInto((outDir) => ({
    root,
    configFile: false,
    base: "./",
    resolve: { conditions: ["@caraway/source", ...defaultClientConditions] },
    worker: { format: "es" },
    build: { outDir, emptyOutDir: true, target: "es2022" },
  }));
}

/** Builds what a configuration of Vite describes, into another folder than it says. */
export async function buildConfigured(configFile: string): Promise<BuiltPage> {
  return await buildInto((outDir) => ({ configFile, build: { outDir } }));
}

async function buildInto(configFor: (directory: string) => InlineConfig): Promise<BuiltPage> {
  const directory = mkdtempSync(join(tmpdir(), "caraway-page-"));
  await build({ ...configFor(directory), logLevel: "warn" });
  return {
    directory,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** A module with all that it imports as one script, for pages of somebody else's. */
export async function buildScript(entry: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "warn",
    resolve: { conditions: ["@caraway/source", ...defaultClientConditions] },
    build: {
      write: false,
      target: "es2022",
      lib: { entry, formats: ["iife"], name: "script", fileName: "script" },
    },
  });
  const [first] = (Array.isArray(built) ? built : [built]) as {
    readonly output?: readonly { readonly code?: string }[];
  }[];
  const code = first?.output?.[0]?.code;
  if (code === undefined) throw new Error(`${entry} was not built`);
  return code;
}

/** A module with all that it imports as one for Node, into a folder; its file there. */
export async function buildProgram(
  entry: string,
  directory: string,
  external: readonly string[] = [],
): Promise<string> {
  await build({
    configFile: false,
    logLevel: "warn",
    resolve: { conditions: ["@caraway/source", ...defaultClientConditions] },
    ssr: { noExternal: true, external: [...external] },
    build: {
      ...{ ssr: entry, outDir: directory, emptyOutDir: false, target: "node20" },
      rolldownOptions: { output: { entryFileNames: "program.mjs" } },
    },
  });
  return join(directory, "program.mjs");
}

export interface PageServer extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
}

/** `headers` go with every answer, such as a content security policy. */
export async function servePage(
  directory: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<PageServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = join(directory, normalize(pathname));
    const file = isFolder(path) ? join(path, "index.html") : path;
    try {
      const body = readFileSync(file);
      const type = mimeTypes[extname(file)] ?? "application/octet-stream";
      response.writeHead(200, { ...headers, "content-type": type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

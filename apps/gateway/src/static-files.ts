// Files of one folder over HTTP: the viewer's page. No listings, nothing hidden, nothing outside.

import { createReadStream, type Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, sep } from "node:path";
import { pipeline } from "node:stream/promises";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

export class StaticFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** False when there is no such file. `path` is the one of the URL, still encoded. */
  async serve(path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const file = await this.#find(path);
    if (file === null) return false;
    const { mtimeMs, size } = file.stats;
    const tag = `"${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}"`;
    const headers = {
      "content-type": types[extname(file.path).toLowerCase()] ?? "application/octet-stream",
      "x-content-type-options": "nosniff",
      "cache-control": "no-cache",
      etag: tag,
    };
    if (request.headers["if-none-match"] === tag) {
      response.writeHead(304, headers).end();
      return true;
    }
    response.writeHead(200, { ...headers, "content-length": size });
    if (request.method === "HEAD") response.end();
    else await pipeline(createReadStream(file.path, { end: Math.max(0, size - 1) }), response);
    return true;
  }

  async #find(path: string): Promise<{ path: string; stats: Stats } | null> {
    let decoded: string;
    try {
      decoded = decodeURIComponent(path);
    } catch {
      return null;
    }
    const parts = decoded.split("/").filter((part) => part !== "");
    if (parts.some((part) => part.startsWith(".") || /[\\\0]/.test(part))) return null;
    try {
      const root = await realpath(this.#root);
      let found = await realpath(join(root, ...parts));
      let stats = await stat(found);
      if (stats.isDirectory()) {
        if (!decoded.endsWith("/")) return null;
        found = await realpath(join(found, "index.html"));
        stats = await stat(found);
      }
      // A link may lead anywhere.
      const isInside = found.startsWith(root + sep);
      return isInside && stats.isFile() ? { path: found, stats } : null;
    } catch {
      return null;
    }
  }
}

// What the page's address says: the names that users of noVNC and spice-html5 know.

import type { Scaling } from "../src/index.ts";

export interface PageOptions {
  /** Null when the address names no server. */
  readonly url: string | null;
  /** For the gateway that the page came from. */
  readonly token: string | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly autoconnect: boolean;
  readonly scaling: Scaling | null;
  readonly viewOnly: boolean;
  readonly reconnect: boolean;
  readonly language: string | null;
  readonly qualityLevel: number | null;
}

const scalingsByName: Readonly<Record<string, Scaling>> = {
  scale: "fit",
  fit: "fit",
  off: "none",
  none: "none",
  remote: "resize",
  resize: "resize",
};

/** `page`: where the page itself came from, which is where a server without a host is. */
export function readPageOptions(page: URL): PageOptions {
  // A password in the fragment is not sent to any server.
  const parameters = new URLSearchParams(page.search);
  for (const [key, value] of new URLSearchParams(page.hash.slice(1))) parameters.set(key, value);
  const is = (key: string, otherwise: boolean) => {
    const value = parameters.get(key);
    return value === null ? otherwise : !["0", "false", "off", "no"].includes(value.toLowerCase());
  };
  const url = serverUrl(parameters, page);
  const token = url === null ? parameters.get("token") : null;
  const quality = Number(parameters.get("quality") ?? Number.NaN);
  return {
    url,
    token,
    username: parameters.get("username"),
    password: parameters.get("password"),
    autoconnect: is("autoconnect", url !== null || token !== null),
    scaling: scalingsByName[parameters.get("resize") ?? ""] ?? null,
    viewOnly: is("view_only", false),
    reconnect: is("reconnect", true),
    language: parameters.get("lang"),
    qualityLevel: Number.isInteger(quality) && quality >= 0 && quality <= 9 ? quality : null,
  };
}

function serverUrl(parameters: URLSearchParams, page: URL): string | null {
  const given = parameters.get("url");
  if (given !== null) return given;
  const [host, port, path, token] = ["host", "port", "path", "token"].map((key) => {
    return parameters.get(key);
  });
  if (host === null && port === null && path === null) return null;
  const url = new URL(page.origin);
  const isSecure = page.protocol === "https:";
  url.protocol = isSecure ? "wss:" : "ws:";
  if (host) url.hostname = host;
  if (port) url.port = port;
  const [pathname, query] = (path ?? "").replace(/^\//, "").split("?");
  url.pathname = `/${pathname}`;
  url.search = query ?? "";
  if (token) url.searchParams.set("token", token);
  return url.href;
}

// What a person says about a connection, whether as a URI or as a `.vv` file, in one shape.

import { type ChannelName, channelNames, type Endpoint } from "@caraway/client";
import type { HttpProxy } from "./transport-proxy.ts";

export interface ConnectionOptions {
  readonly endpoint: Endpoint;
  readonly username: string | null;
  readonly password: string | null;
  /** CA certificates as PEM text; null for Node's own. */
  readonly ca: string | null;
  /** OpenSSL cipher list. */
  readonly tlsCiphers: string | null;
  readonly proxy: HttpProxy | null;
  /** Channels that must use TLS. */
  readonly secureChannels: readonly ChannelName[] | "all";
  /** Channels that must not be opened. */
  readonly disabledChannels: readonly ChannelName[];
  readonly viewer: ViewerOptions;
}

/** What a viewer with a screen does; null where nothing was said. */
export interface ViewerOptions {
  readonly title: string | null;
  readonly fullscreen: boolean | null;
  /** Action to keys, such as `toggle-fullscreen` to `shift+f11`. */
  readonly hotkeys: Readonly<Record<string, string>>;
  readonly colorDepth: number | null;
  /** Of `wallpaper`, `font-smooth`, `animation`, `all`. */
  readonly disabledEffects: readonly string[];
  readonly enableSmartcard: boolean | null;
  readonly enableUsbredir: boolean | null;
  readonly usbAutoShare: boolean | null;
  /** `class,vendor,product,version,allow` joined by `|`; `-1` stands for any. */
  readonly usbFilter: string | null;
}

export const defaultViewerOptions: ViewerOptions = {
  title: null,
  fullscreen: null,
  hotkeys: {},
  colorDepth: null,
  disabledEffects: [],
  enableSmartcard: null,
  enableUsbredir: null,
  usbAutoShare: null,
  usbFilter: null,
};

export const defaultConnectionOptions: Omit<ConnectionOptions, "endpoint"> = {
  username: null,
  password: null,
  ca: null,
  tlsCiphers: null,
  proxy: null,
  secureChannels: [],
  disabledChannels: [],
  viewer: defaultViewerOptions,
};

/** An endpoint of which only this much is known. */
export function endpointOf(known: Partial<Endpoint>): Endpoint {
  return {
    host: "",
    port: null,
    tlsPort: null,
    unixPath: null,
    url: null,
    identity: null,
    ...known,
  };
}

/** A TCP port as text, or null where it is none. */
export function parsePort(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : null;
}

export function isChannelName(name: string): name is ChannelName {
  return (channelNames as readonly string[]).includes(name);
}

// What `connect` of the element may be told.

import type { Connector } from "@caraway/browser";
import type { MigrationMode, MouseModeName } from "@caraway/client";
import type { Credentials } from "@caraway/driver";

/** Beside attributes and properties: how a session is begun. */
export interface ConnectOptions {
  readonly credentials?: Credentials;
  /** The best mode of migration to announce; `seamless` when absent. */
  readonly migration?: MigrationMode;
  /** `server` has the guest move the pointer, with the browser's pointer lock. */
  readonly mouseMode?: MouseModeName;
  /** Run in a worker or within the page; chosen by what the browser can when absent. */
  readonly placement?: "worker" | "page";
  /** Bytes of the largest content of a clipboard, either way; 32 MiB when absent. */
  readonly maxClipboard?: number;
  /** How the targets of migrations are reached; where the server says when absent. */
  readonly connector?: Connector;
  /** For a gateway; the URL then is the gateway's, `http:` or `https:`. */
  readonly token?: string;
  /** What an earlier page has redeemed the token for: see the event `gatewaysession`. */
  readonly gatewaySession?: string;
}

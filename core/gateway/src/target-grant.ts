// From the target that a server names to a grant for it: the same session, user and password,
// another server, and no less secure a way there.

import { describeEndpoint, type Endpoint, portOf } from "@caraway/client";
import type { GatewayOptions } from "./gateway-border.ts";
import type { Grant } from "./grant.ts";
import type { Destination } from "./main-tap.ts";

/** `grant` null: the target may not, or cannot, be reached. `target` is for people. */
export function targetGrant(
  grant: Grant,
  { host, port, sport, certSubject }: Destination,
  options: Pick<GatewayOptions, "allowTarget" | "targetExpiry">,
): { readonly grant: Grant | null; readonly target: string } {
  const server: Endpoint = {
    host,
    port: needsTls(grant.server) ? null : portOf(port),
    tlsPort: portOf(sport),
    unixPath: null,
    url: null,
    identity: certSubject === "" ? null : { kind: "subject", subject: certSubject },
  };
  const target = describeEndpoint(server);
  const hasPort = server.port !== null || server.tlsPort !== null;
  if (!hasPort || host === "" || !options.allowTarget(host)) return { grant: null, target };
  return { grant: { ...grant, server, expiresAt: options.targetExpiry(grant) }, target };
}

/** A server that is reached over TLS alone must not send its clients over plain TCP. */
function needsTls({ port, tlsPort, unixPath, url }: Endpoint): boolean {
  return port === null && tlsPort !== null && unixPath === null && url === null;
}

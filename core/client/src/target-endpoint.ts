// From a source's DstInfo to an endpoint that this client may connect to.

import type { Destination } from "./main-channel.ts";
import { MigrationFailure } from "./migration-failure.ts";
import type { Endpoint, SessionOptions } from "./options.ts";

/** What spice-server sends for a port that management omitted. */
const omittedPort = 65535;

/** A port of DstInfo; null for none. */
export function portOf(port: number): number | null {
  return port === 0 || port === omittedPort ? null : port;
}

/** Throws MigrationFailure when there is no way, or the embedder's mapping refuses it. */
export function targetEndpoint(destination: Destination, options: SessionOptions): Endpoint {
  const { host, port, sport, certSubject } = destination;
  const named: Endpoint = {
    host,
    port: portOf(port),
    tlsPort: portOf(sport),
    unixPath: null,
    url: null,
    identity: certSubject === "" ? null : { kind: "subject", subject: certSubject },
  };
  const mapped = options.mapTarget(named);
  if (mapped === null) {
    const detail = `the target ${host} is not allowed from here`;
    throw new MigrationFailure("MIGRATION_TARGET_REFUSED", detail);
  }
  const { unixPath, url } = mapped;
  if (mapped.port === null && mapped.tlsPort === null && unixPath === null && url === null) {
    throw new MigrationFailure("MIGRATION_NO_ADDRESS", `the target ${host} has no usable port`);
  }
  return mapped;
}

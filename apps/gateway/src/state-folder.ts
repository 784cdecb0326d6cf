// What a gateway keeps across restarts, in one folder: the secret that seals credentials, and
// which one-time tokens were used.

import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const secretSize = 32;

export interface GatewayState {
  readonly secrets: readonly Uint8Array[];
  readonly redeemedFolder: string | null;
}

/** Without a folder: a secret that dies with the process. */
export function openState(folder: string | null): GatewayState {
  if (folder === null) return { secrets: [randomBytes(secretSize)], redeemedFolder: null };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { secrets: readSecrets(join(folder, "secret")), redeemedFolder: join(folder, "redeemed") };
}

/**
 * A secret a line, in base64: the first seals, all open. Made where there is none. Several gateways
 * that share the folder know each other's credentials.
 */
function readSecrets(path: string): Uint8Array[] {
  try {
    const made = `${randomBytes(secretSize).toString("base64")}\n`;
    writeFileSync(path, made, { flag: "wx", mode: 0o600, flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const lines = readFileSync(path, "utf8").split(/\r?\n/);
  const secrets = lines.filter((line) => line !== "").map((line) => Buffer.from(line, "base64"));
  if (secrets.length === 0 || secrets.some(({ length }) => length < secretSize)) {
    throw new RangeError(`${path} holds no secrets of ${secretSize} bytes in base64`);
  }
  return secrets;
}

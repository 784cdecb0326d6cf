// The SPICE ticket: the password, encrypted with the server's key of this one connection.

import { constants, createPublicKey, publicEncrypt } from "node:crypto";
import type { LinkTaskResult } from "@caraway/channel";

/** SPICE_MAX_PASSWORD_LENGTH of the protocol, in bytes of UTF-8. */
export const MAX_PASSWORD_BYTES = 60;
const TICKET_BYTES = 128;

/** RSA-OAEP (SHA-1, empty label) of the password and a NUL; `publicKey` as DER SPKI. */
export function encryptTicket(password: string, publicKey: Uint8Array): LinkTaskResult {
  const bytes = Buffer.from(`${password}\0`, "utf8");
  if (bytes.length > MAX_PASSWORD_BYTES + 1) {
    const detail = `the password is longer than the ${MAX_PASSWORD_BYTES} bytes that SPICE allows`;
    return { kind: "failed", code: "NO_CREDENTIALS", detail };
  }
  if (bytes.indexOf(0) !== bytes.length - 1) {
    return { kind: "failed", code: "NO_CREDENTIALS", detail: "the password contains a NUL" };
  }
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const ticket = publicEncrypt({ key, padding, oaepHash: "sha1" }, bytes);
    if (ticket.length === TICKET_BYTES) {
      return { kind: "ticket", ticket: new Uint8Array(ticket) };
    }
  } catch {
    // The key is no key: answered below, without the library's words.
  }
  const detail = "the server's public key is not an RSA key of 1024 bits";
  return { kind: "failed", code: "CRYPTO", detail };
}

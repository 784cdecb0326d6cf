// The SPICE ticket: the password, encrypted with the server's key of this one connection.

import type { LinkTaskResult } from "@caraway/channel";
import { encodeUtf8 } from "@caraway/wire";
import type { LinkCrypto } from "./platform.ts";

/** SPICE_MAX_PASSWORD_LENGTH of the protocol, in bytes of UTF-8. */
export const maxPasswordSize = 60;
const ticketSize = 128;

/** RSA-OAEP (SHA-1, empty label) of the password and a NUL; `publicKey` as DER SPKI. */
export async function encryptTicket(
  password: string,
  publicKey: Uint8Array,
  crypto: LinkCrypto,
): Promise<LinkTaskResult> {
  const bytes = encodeUtf8(`${password}\0`);
  if (bytes.length > maxPasswordSize + 1) {
    const detail = `the password is longer than the ${maxPasswordSize} bytes that SPICE allows`;
    return { kind: "failed", code: "NO_CREDENTIALS", detail };
  }
  if (bytes.indexOf(0) !== bytes.length - 1) {
    return { kind: "failed", code: "NO_CREDENTIALS", detail: "the password contains a NUL" };
  }
  try {
    const ticket = await crypto.encryptOaep(publicKey, bytes);
    if (ticket.length === ticketSize) return { kind: "ticket", ticket };
  } catch {
    // The key is no key: answered below, without the platform's words.
  }
  const detail = "the server's public key is not an RSA key of 1024 bits";
  return { kind: "failed", code: "CRYPTO", detail };
}

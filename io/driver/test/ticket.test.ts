import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";
import type { LinkTaskResult } from "@caraway/channel";
import { describe, expect, test } from "vitest";
import { linkCrypto } from "../../node/src/link-crypto.ts";
import { encryptTicket } from "../src/ticket.ts";

const keys = generateKeyPairSync("rsa", { modulusLength: 1024 });
const publicKey = new Uint8Array(keys.publicKey.export({ type: "spki", format: "der" }));

function decrypt(ticket: Uint8Array): Buffer {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return privateDecrypt({ key: keys.privateKey, padding, oaepHash: "sha1" }, ticket);
}

function ticketOf(password: string, key: Uint8Array): Promise<LinkTaskResult> {
  return encryptTicket(password, key, linkCrypto);
}

describe("a ticket", () => {
  test.each(["", "secret", "pässwörd", "x".repeat(60)])(
    "carries %j and a NUL",
    async (password) => {
      const result = await ticketOf(password, publicKey);
      expect(publicKey).toHaveLength(162);
      expect(result.kind).toBe("ticket");
      if (result.kind !== "ticket") return;
      expect(result.ticket).toHaveLength(128);
      expect(decrypt(result.ticket).toString("utf8")).toBe(`${password}\0`);
    },
  );

  test("is refused for a password beyond the protocol's limit, without naming it", async () => {
    const result = await ticketOf("y".repeat(61), publicKey);
    expect(result).toMatchObject({ kind: "failed", code: "NO_CREDENTIALS" });
    expect(JSON.stringify(result)).not.toContain("yy");
  });

  test("is refused for a password with a NUL inside", async () => {
    expect(await ticketOf("a\0b", publicKey)).toMatchObject({ code: "NO_CREDENTIALS" });
  });

  test.each([
    ["zeros", new Uint8Array(162)],
    ["nothing", new Uint8Array(0)],
    ["a cut key", publicKey.subarray(0, 100)],
  ])("is refused for a key of %s", async (_what, key) => {
    expect(await ticketOf("secret", key)).toMatchObject({ kind: "failed", code: "CRYPTO" });
  });

  test("is refused for a key of another size or kind", async () => {
    const large = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
    const curve = generateKeyPairSync("ed25519").publicKey;
    for (const key of [large, curve]) {
      const der = new Uint8Array(key.export({ type: "spki", format: "der" }));
      expect(await ticketOf("secret", der)).toMatchObject({ kind: "failed", code: "CRYPTO" });
    }
  });
});

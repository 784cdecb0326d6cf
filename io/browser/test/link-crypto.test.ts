import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { encryptTicket } from "../../driver/src/ticket.ts";
import { linkCrypto as nodeCrypto } from "../../node/src/link-crypto.ts";
import { linkCrypto } from "../src/link-crypto.ts";
import { sha1 } from "../src/sha1.ts";

const secure = linkCrypto();
/** As on a page that came over plain http. */
const insecureCrypto = linkCryptoWithoutSubtle();

function linkCryptoWithoutSubtle() {
  const had = Object.getOwnPropertyDescriptor(globalThis, "crypto")!;
  Object.defineProperty(globalThis, "crypto", {
    configurable: true,
    value: { getRandomValues: crypto.getRandomValues.bind(crypto) },
  });
  try {
    return linkCrypto();
  } finally {
    Object.defineProperty(globalThis, "crypto", had);
  }
}

describe.each([
  ["WebCrypto", secure],
  ["a page without WebCrypto", insecureCrypto],
])("the link's cryptography on %s", (_name, crypto) => {
  const keys = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const publicKey = new Uint8Array(keys.publicKey.export({ type: "spki", format: "der" }));
  const decrypt = (ticket: Uint8Array) => {
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    return privateDecrypt({ key: keys.privateKey, padding, oaepHash: "sha1" }, ticket);
  };

  it.each(["", "secret", "pässwörd", "x".repeat(60)])("makes a ticket of %j", async (password) => {
    const result = await encryptTicket(password, publicKey, crypto);
    if (result.kind !== "ticket") throw new Error(JSON.stringify(result));
    expect(result.ticket).toHaveLength(128);
    expect(decrypt(result.ticket).toString("utf8")).toBe(`${password}\0`);
  });

  it("never makes the same ticket twice", async () => {
    const [first, second] = [
      await encryptTicket("secret", publicKey, crypto),
      await encryptTicket("secret", publicKey, crypto),
    ];
    expect(first).not.toEqual(second);
  });

  it.each([
    ["zeros", new Uint8Array(162)],
    ["nothing", new Uint8Array(0)],
    ["a cut key", publicKey.subarray(0, 100)],
    ["a key of 2048 bits", spki(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey)],
    ["a key of 512 bits", spki(generateKeyPairSync("rsa", { modulusLength: 512 }).publicKey)],
    ["another kind of key", spki(generateKeyPairSync("ed25519").publicKey)],
  ])("refuses %s", async (_what, key) => {
    const result = await encryptTicket("secret", key, crypto);
    expect(result).toMatchObject({ kind: "failed", code: "CRYPTO" });
  });

  it("refuses a key with any one byte of its frame changed, or encrypts with what it says", async () => {
    // The first bytes are DER's frame; those of the modulus only make another key.
    for (let at = 0; at < 29; at++) {
      const damaged = publicKey.slice();
      damaged[at] = damaged[at]! ^ 0x15;
      const result = await encryptTicket("secret", damaged, crypto);
      expect(["failed", "ticket"]).toContain(result.kind);
    }
  });
});

function spki(key: { export(options: { type: "spki"; format: "der" }): Buffer }): Uint8Array {
  return new Uint8Array(key.export({ type: "spki", format: "der" }));
}

describe("SHA-1", () => {
  it.each([0, 1, 55, 56, 63, 64, 65, 1000])(
    "is that of the standard for %i bytes",
    async (size) => {
      const data = Uint8Array.from({ length: size }, (_, at) => at * 7);
      const expected = await nodeCrypto.scram?.digest("sha1", data);
      expect(Buffer.from(sha1(data)).toString("hex")).toBe(Buffer.from(expected!).toString("hex"));
    },
  );
});

describe("SCRAM's functions of WebCrypto", () => {
  it.each(["sha1", "sha256", "sha512"] as const)("are those of OpenSSL for %s", async (hash) => {
    const [key, data] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6, 7)];
    const [ours, theirs] = [secure.scram!, nodeCrypto.scram!];
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
    expect(hex(await ours.digest(hash, data))).toBe(hex(await theirs.digest(hash, data)));
    expect(hex(await ours.hmac(hash, key, data))).toBe(hex(await theirs.hmac(hash, key, data)));
    const derived = await ours.derive(hash, key, data, 4096);
    expect(hex(derived)).toBe(hex(await theirs.derive(hash, key, data, 4096)));
  });

  it("are absent where there is no WebCrypto", () => {
    expect(insecureCrypto.scram).toBeNull();
  });
});

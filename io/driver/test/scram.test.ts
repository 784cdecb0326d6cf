import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { linkCrypto } from "../../node/src/link-crypto.ts";
import type { ScramHash } from "../src/platform.ts";
import { chooseMechanism, SaslClient } from "../src/sasl.ts";
import { prepareString, SaslPrepError } from "../src/sasl-prep.ts";
import { ScramClient } from "../src/scram.ts";

const { scram } = linkCrypto;
if (scram === null) throw new Error("Node has SCRAM");

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | null): string | null =>
  data === null ? null : new TextDecoder().decode(data);

// RFC 5802 section 5 and RFC 7677 section 3: user "user", password "pencil".
const published = [
  {
    hash: "sha1" as const,
    nonce: "fyko+d2lbbFgONRv9qkxdawL",
    serverFirst: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    clientFinal:
      "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    serverFinal: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
  },
  {
    hash: "sha256" as const,
    nonce: "rOprNGfwEbeRWgbNEkqO",
    serverFirst:
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    clientFinal:
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  },
];

/** A server's side, written after the RFC's formulas, for hashes without a published exchange. */
function serverMessages(
  hash: ScramHash,
  password: string,
  clientFirst: string,
  iterations = 4096,
): { first: string; finalFor(clientFinal: string): string | null } {
  const bare = clientFirst.slice("n,,".length);
  const nonce = `${/r=([^,]+)/.exec(bare)?.[1]}server`;
  const salt = Buffer.from("a salt of the test");
  const first = `r=${nonce},s=${salt.toString("base64")},i=${iterations}`;
  return {
    first,
    finalFor(clientFinal) {
      const [withoutProof = "", proof = ""] = clientFinal.split(",p=");
      const size = createHash(hash).digest().length;
      const salted = pbkdf2Sync(password, salt, iterations, size, hash);
      const hmac = (key: Buffer, data: string) => createHmac(hash, key).update(data).digest();
      const stored = createHash(hash).update(hmac(salted, "Client Key")).digest();
      const exchange = `${bare},${first},${withoutProof}`;
      const signature = hmac(stored, exchange);
      const clientKey = Buffer.from(proof, "base64").map((byte, i) => byte ^ signature[i]!);
      if (!createHash(hash).update(clientKey).digest().equals(stored)) return null;
      return `v=${hmac(hmac(salted, "Server Key"), exchange).toString("base64")}`;
    },
  };
}

describe("SCRAM", () => {
  for (const vector of published) {
    test(`answers the published ${vector.hash} exchange byte for byte`, async () => {
      const client = new ScramClient(vector.hash, "user", "pencil", vector.nonce, scram);
      expect(client.first()).toBe(`n,,n=user,r=${vector.nonce}`);
      expect(await client.answer(vector.serverFirst)).toBe(vector.clientFinal);
      expect(client.verified).toBe(false);
      expect(await client.answer(vector.serverFinal)).toBeNull();
      expect(client.verified).toBe(true);
    });

    test(`rejects a server of ${vector.hash} that cannot prove itself`, async () => {
      const client = new ScramClient(vector.hash, "user", "pencil", vector.nonce, scram);
      await client.answer(vector.serverFirst);
      const forged = `v=${Buffer.alloc(vector.hash === "sha1" ? 20 : 32).toString("base64")}`;
      await expect(client.answer(forged)).rejects.toMatchObject({ code: "SCRAM_PROOF" });
      expect(client.verified).toBe(false);
    });
  }

  test("convinces a server that computes SHA-512 by the RFC's formulas", async () => {
    const client = new ScramClient("sha512", "user", "pencil", "clientnonce", scram);
    const server = serverMessages("sha512", "pencil", client.first());
    const proof = await client.answer(server.first);
    const final = server.finalFor(proof ?? "");
    expect(final).not.toBeNull();
    await client.answer(final ?? "");
    expect(client.verified).toBe(true);
  });

  test("escapes commas and equals signs in the user name", () => {
    const client = new ScramClient("sha1", "a=b,c", "x", "nonce", scram);
    expect(client.first()).toBe("n,,n=a=3Db=2Cc,r=nonce");
  });

  test.each([
    [
      "a nonce that is not an extension of ours",
      "r=other,s=QSXCR+Q6sek8bf92,i=4096",
      "SCRAM_PROOF",
    ],
    ["our own nonce given back", "r=nonce,s=QSXCR+Q6sek8bf92,i=4096", "SCRAM_PROOF"],
    ["too few iterations", "r=nonce2,s=QSXCR+Q6sek8bf92,i=4095", "SCRAM_MALFORMED"],
    [
      "iterations that would keep us busy",
      "r=nonce2,s=QSXCR+Q6sek8bf92,i=1000001",
      "SCRAM_MALFORMED",
    ],
    ["a mandatory extension", "m=x,r=nonce2,s=QSXCR+Q6sek8bf92,i=4096", "SCRAM_MALFORMED"],
    ["nonsense", "hello", "SCRAM_MALFORMED"],
    ["an error", "e=unknown-user", "SCRAM_REFUSED"],
  ])("stops at %s", async (_what, message, code) => {
    const client = new ScramClient("sha1", "user", "pencil", "nonce", scram);
    await expect(client.answer(message)).rejects.toMatchObject({ code });
    // Nothing can be said after a fault.
    await expect(client.answer(message)).rejects.toMatchObject({ code: "SCRAM_MALFORMED" });
  });
});

describe("the SASL client", () => {
  const credentials = { username: "user", password: "pencil" };

  test("chooses the strongest mechanism that is offered", () => {
    expect(chooseMechanism("PLAIN,SCRAM-SHA-1,SCRAM-SHA-512,SCRAM-SHA-256", true)).toBe(
      "SCRAM-SHA-512",
    );
    expect(chooseMechanism(",DIGEST-MD5,SCRAM-SHA-256,", false)).toBe("SCRAM-SHA-256");
    expect(chooseMechanism("GSSAPI,scram-sha-1", false)).toBe("SCRAM-SHA-1");
    expect(chooseMechanism("SCRAM-SHA-256-PLUS", true)).toBeNull();
  });

  test("sends a password in clear only where nobody listens", () => {
    expect(chooseMechanism("PLAIN", true)).toBe("PLAIN");
    expect(chooseMechanism("PLAIN", false)).toBeNull();
    const { client, result } = SaslClient.start("PLAIN", credentials, false, linkCrypto);
    expect(client).toBeNull();
    expect(result).toMatchObject({ kind: "failed", code: "NO_MECHANISM" });
    expect((result as { detail: string }).detail).toContain("use TLS or a unix socket");
  });

  test("never sends a password in clear because the platform has no SCRAM", () => {
    expect(chooseMechanism("PLAIN,SCRAM-SHA-256", false, false)).toBeNull();
    expect(chooseMechanism("PLAIN,SCRAM-SHA-256", true, false)).toBe("PLAIN");
    const { result } = SaslClient.start("SCRAM-SHA-256", credentials, false, {
      ...linkCrypto,
      scram: null,
    });
    expect((result as { detail: string }).detail).toContain("open it over https");
  });

  test("speaks PLAIN in one message", async () => {
    const { client, result } = SaslClient.start("PLAIN", credentials, true, linkCrypto);
    expect(result).toMatchObject({ kind: "sasl-start", mechanism: "PLAIN" });
    expect(text((result as { data: Uint8Array }).data)).toBe("\0user\0pencil");
    expect(await client?.step(new Uint8Array(0), true)).toEqual({ kind: "sasl-step", data: null });
  });

  test("accepts the server's proof with the completion or before it", async () => {
    const vector = published[1]!;
    for (const completeWithProof of [true, false]) {
      const { client } = SaslClient.start(
        "SCRAM-SHA-256",
        credentials,
        false,
        linkCrypto,
        vector.nonce,
      );
      const proof = await client?.step(bytes(vector.serverFirst), false);
      expect(proof?.kind === "sasl-step" && text(proof.data)).toBe(vector.clientFinal);
      const last = await client?.step(bytes(vector.serverFinal), completeWithProof);
      expect(last).toEqual({ kind: "sasl-step", data: null });
      if (!completeWithProof) {
        expect(await client?.step(new Uint8Array(0), true)).toEqual({
          kind: "sasl-step",
          data: null,
        });
      }
    }
  });

  test("does not take a completion for a proof", async () => {
    const { client } = SaslClient.start("SCRAM-SHA-256", credentials, false, linkCrypto);
    expect(await client?.step(new Uint8Array(0), true)).toMatchObject({ code: "SERVER_PROOF" });
  });

  test("uses a fresh nonce for each exchange", () => {
    const first = SaslClient.start("SCRAM-SHA-1", credentials, false, linkCrypto).result;
    const second = SaslClient.start("SCRAM-SHA-1", credentials, false, linkCrypto).result;
    expect(first).not.toEqual(second);
  });
});

describe("string preparation", () => {
  // RFC 4013 section 3.
  test.each([
    ["I\u00adX", "IX"],
    ["user", "user"],
    ["USER", "USER"],
    ["\u00aa", "a"],
    ["\u2168", "IX"],
  ])("prepares %j as %j", (given, prepared) => {
    expect(prepareString(given)).toBe(prepared);
  });

  test("refuses control characters", () => {
    expect(() => prepareString("\u0007")).toThrow(SaslPrepError);
  });
});

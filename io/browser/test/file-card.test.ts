import { execFileSync } from "node:child_process";
import { constants, createPublicKey, publicEncrypt, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBlobCard } from "@caraway/browser";
import { pivAid } from "@caraway/smartcard";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const pin = "123456";
const select = Uint8Array.of(0, 0xa4, 4, 0, pivAid.length, ...pivAid, 0);
const verify = Uint8Array.of(0, 0x20, 0, 0x80, 8, ...Buffer.from(pin), 0xff, 0xff);

let directory: string;
const file = (name: string) => new Blob([readFileSync(join(directory, name))]);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "blob-card-"));
  const run = (...list: string[]) =>
    execFileSync("openssl", list, { cwd: directory, stdio: "ignore" });
  const subject = ["-nodes", "-subj", "/CN=Page"];
  run("req", "-x509", "-newkey", "rsa:2048", ...subject, "-keyout", "key.pem", "-out", "cert.pem");
  run(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    ...subject,
    "-keyout",
    "other.pem",
    "-out",
    "other-cert.pem",
  );
  run("rsa", "-in", "key.pem", "-traditional", "-out", "key1.pem");
  run("pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "der", "-out", "key.der");
  run("x509", "-in", "cert.pem", "-outform", "der", "-out", "cert.der");
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("a smartcard of two files in a page", () => {
  it.each([
    ["cert.pem", "key.pem"],
    ["cert.der", "key.der"],
    ["cert.pem", "key1.pem"],
  ])("answers with its key, whatever form they have: %s, %s", async (certificate, key) => {
    const card = await openBlobCard({ certificate: file(certificate), key: file(key), pin });
    expect([...(await card.transmit(select)).subarray(-2)]).toEqual([0x90, 0]);
    expect([...(await card.transmit(verify))]).toEqual([0x90, 0]);
    // What the public key has encrypted, the card's private operation makes plain again.
    const x509 = new X509Certificate(readFileSync(join(directory, "cert.pem")));
    const plain = Buffer.alloc(256, 7);
    plain[0] = 0;
    const padding = constants.RSA_NO_PADDING;
    const secret = publicEncrypt(
      { key: createPublicKey(x509.publicKey.export({ type: "spki", format: "pem" })), padding },
      plain,
    );
    // GENERAL AUTHENTICATE in two parts: 7c { 82 {}, 81 { block } }.
    const data = Buffer.concat([Buffer.of(0x7c, 0x82, 1, 6, 0x82, 0, 0x81, 0x82, 1, 0), secret]);
    const [first, rest] = [data.subarray(0, 255), data.subarray(255)];
    await card.transmit(Uint8Array.of(0x10, 0x87, 7, 0x9a, first.length, ...first));
    let answer = await card.transmit(Uint8Array.of(0, 0x87, 7, 0x9a, rest.length, ...rest, 0));
    const parts = [answer.subarray(0, -2)];
    while (answer.at(-2) === 0x61) {
      answer = await card.transmit(Uint8Array.of(0, 0xc0, 0, 0, answer.at(-1)!));
      parts.push(answer.subarray(0, -2));
    }
    expect(Buffer.concat(parts).subarray(-256)).toEqual(plain);
  });

  it("is none where the key is another's, or a file is neither", async () => {
    const certificate = file("cert.pem");
    await expect(openBlobCard({ certificate, key: file("other.pem"), pin })).rejects.toThrow(
      "not the certificate's",
    );
    await expect(openBlobCard({ certificate, key: certificate, pin })).rejects.toThrow(
      "no PRIVATE",
    );
    await expect(
      openBlobCard({ certificate: file("key.pem"), key: certificate, pin }),
    ).rejects.toThrow("no CERTIFICATE");
  });
});

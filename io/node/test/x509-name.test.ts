import { describe, expect, test } from "vitest";
import { formatName, parseSubject, readSubject, subjectMatches } from "../src/x509-name.ts";
import { BMP, makeCertificate, PRINTABLE, UTF8 } from "./certificate.ts";

const O = "2.5.4.10";
const OU = "2.5.4.11";
const CN = "2.5.4.3";
const DC = "0.9.2342.19200300.100.1.25";

describe("a subject as text", () => {
  test("is a list of entries in order", () => {
    expect(parseSubject("C=IL, L=Raanana,O=Red Hat,CN=my server")).toEqual([
      { oid: "2.5.4.6", value: "IL" },
      { oid: "2.5.4.7", value: "Raanana" },
      { oid: O, value: "Red Hat" },
      { oid: CN, value: "my server" },
    ]);
  });

  test("takes escaped commas and backslashes, long names and identifiers", () => {
    expect(parseSubject("O=a\\,b\\\\c,commonName=x=y,2.5.4.11=unit")).toEqual([
      { oid: O, value: "a,b\\c" },
      { oid: CN, value: "x=y" },
      { oid: OU, value: "unit" },
    ]);
  });

  test("may end with a comma and may be empty", () => {
    expect(parseSubject("CN=a,")).toEqual([{ oid: CN, value: "a" }]);
    expect(parseSubject("")).toEqual([]);
  });

  test.each(["CN", "CN=", "CN=,O=x", "CN,O=x", "=x", "cn=x", "constructor=x", "CN=a\\b", "CN=a\\"])(
    "is none when it reads %j",
    (text) => {
      expect(parseSubject(text)).toBeNull();
    },
  );
});

describe("a certificate's subject", () => {
  const certificate = makeCertificate({
    subject: [
      [O, PRINTABLE, "Example, Inc."],
      [DC, UTF8, "zürich"],
      [CN, UTF8, "Host  One"],
    ],
  });

  test("is read in order with its values", () => {
    expect(readSubject(certificate.der)).toEqual([
      { oid: O, value: "Example, Inc." },
      { oid: DC, value: "zürich" },
      { oid: CN, value: "Host  One" },
    ]);
    expect(formatName(readSubject(certificate.der) ?? [])).toBe(
      "O=Example\\, Inc.,DC=zürich,CN=Host  One",
    );
  });

  test.each([
    ["as written", "O=Example\\, Inc.,DC=zürich,CN=Host  One", true],
    ["but for case and runs of spaces", "O=EXAMPLE\\,  inc. ,DC=zürich,CN= host one", true],
    ["in another order", "CN=Host One,DC=zürich,O=Example\\, Inc.", false],
    ["with an entry less", "O=Example\\, Inc.,DC=zürich", false],
    ["with an entry more", "O=Example\\, Inc.,DC=zürich,CN=Host One,CN=Host One", false],
    ["with another value", "O=Example\\, Inc.,DC=zürich,CN=Host Two", false],
    ["with case that is not ASCII", "O=Example\\, Inc.,DC=zÜrich,CN=Host One", false],
    ["with another kind of entry", "OU=Example\\, Inc.,DC=zürich,CN=Host One", false],
    ["as no subject at all", "Host One", false],
    ["as nothing", "", false],
  ])("is compared with a text %s", (_how, text, matches) => {
    expect(subjectMatches(certificate.der, text)).toBe(matches);
  });

  test("compares string types by their text", () => {
    const wide = makeCertificate({ subject: [[CN, BMP, "Höst"]] });
    expect(subjectMatches(wide.der, "CN=hÖst")).toBe(false);
    expect(subjectMatches(wide.der, "CN=HöST")).toBe(true);
  });

  test("never matches where two attributes share one set", () => {
    const odd = makeCertificate({
      subject: [
        [
          [O, UTF8, "a"],
          [CN, UTF8, "b"],
        ],
      ],
    });
    expect(readSubject(odd.der)).toBeNull();
    expect(subjectMatches(odd.der, "O=a,CN=b")).toBe(false);
  });

  test("is none in bytes that are no certificate", () => {
    for (const length of [0, 1, 5, 40, certificate.der.length - 1]) {
      expect(readSubject(certificate.der.subarray(0, length))).toBeNull();
    }
  });
});

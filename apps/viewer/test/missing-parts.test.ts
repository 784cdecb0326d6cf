import { describe, expect, it } from "vitest";
import { english } from "../src/locales/english.ts";
import { german } from "../src/locales/german.ts";
import { missingParts, type PageScope } from "../src/missing-parts.ts";

const everything: PageScope = {
  isSecureContext: true,
  crypto: { subtle: {} },
  navigator: {
    keyboard: { lock: () => {} },
    clipboard: { read: () => {} },
    mediaDevices: {},
    usb: {},
  },
  AudioDecoder: class {},
  showDirectoryPicker: () => {},
  Worker: class {},
};

describe("what a browser does not give", () => {
  it("is nothing on a secure page of a browser that has it all", () => {
    expect(missingParts(true, everything)).toEqual([]);
  });

  it("is put down to plain http where the page is not secure", () => {
    const scope = { ...everything, isSecureContext: false, crypto: {}, navigator: {} };
    expect(missingParts(null, scope)).toEqual(
      ["keyboardLock", "clipboard", "logins", "microphone", "usb"].map((part) => {
        return { part, reason: "insecure" };
      }),
    );
  });

  it("is put down to the browser on a secure page", () => {
    const { showDirectoryPicker: _, ...scope } = everything;
    expect(missingParts(true, scope)).toEqual([{ part: "folders", reason: "browser" }]);
  });

  it("is put down to the page's policy where the fast decoders do not run", () => {
    expect(missingParts(false, everything)).toEqual([{ part: "wasm", reason: "policy" }]);
  });

  it("has words in every language", () => {
    const parts = missingParts(false, { isSecureContext: false }).map(({ part }) => part);
    for (const { missing } of [english, german]) {
      expect(Object.keys(missing.parts).sort()).toEqual([...parts].sort());
    }
  });
});

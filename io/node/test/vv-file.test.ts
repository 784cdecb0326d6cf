import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, describe, expect, test } from "vitest";
import { KeyFileError, parseKeyFile, splitList, unescapeValue } from "../src/key-file.ts";
import { parseVvFile, readVvFile, VvFileError } from "../src/vv-file.ts";

const file = (...lines: string[]): string => ["[virt-viewer]", ...lines, ""].join("\n");

describe("a .vv file", () => {
  test("as Proxmox writes it is understood", () => {
    const { options, deleteThisFile, unknownKeys } = parseVvFile(
      file(
        "ca=-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n",
        "delete-this-file=1",
        "host=pvespiceproxy:66f0a1b2:100:node1::c0ffee",
        "host-subject=OU=PVE Cluster Node,O=Proxmox Virtual Environment,CN=node1.example",
        "password=0123456789abcdef",
        "proxy=http://node1.example:3128",
        "release-cursor=Ctrl+Alt+R",
        "secure-attention=Ctrl+Alt+Ins",
        "title=VM 100 - test",
        "tls-port=61000",
        "toggle-fullscreen=Shift+F11",
        "type=spice",
      ),
    );
    expect(options.endpoint).toEqual({
      host: "pvespiceproxy:66f0a1b2:100:node1::c0ffee",
      port: null,
      tlsPort: 61000,
      unixPath: null,
      url: null,
      identity: {
        kind: "subject",
        subject: "OU=PVE Cluster Node,O=Proxmox Virtual Environment,CN=node1.example",
      },
    });
    expect(options.ca).toBe("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    expect(options.password).toBe("0123456789abcdef");
    expect(options.proxy).toMatchObject({ host: "node1.example", port: 3128 });
    expect(options.viewer.title).toBe("VM 100 - test");
    expect(options.viewer.hotkeys).toEqual({
      "release-cursor": "Ctrl+Alt+R",
      "secure-attention": "Ctrl+Alt+Ins",
      "toggle-fullscreen": "Shift+F11",
    });
    expect(deleteThisFile).toBe(true);
    expect(unknownKeys).toEqual([]);
  });

  test("as oVirt writes it is understood", () => {
    const { options, deleteThisFile, ovirt, unknownKeys } = parseVvFile(
      `${file(
        "type=spice",
        "host=192.0.2.7",
        "port=-1",
        "password=AbCdEf",
        "# Password is valid for 120 seconds.",
        "delete-this-file=0",
        "fullscreen=0",
        "title=desk:%d",
        "enable-smartcard=0",
        "enable-usb-autoshare=1",
        "enable-usbredir=1",
        "usb-filter=0x03,-1,-1,-1,0|-1,-1,-1,-1,1",
        "tls-port=5901",
        "tls-ciphers=DEFAULT",
        "host-subject=O=example,CN=192.0.2.7",
        "secure-channels=main;inputs;cursor;playback;record;display;smartcard;usbredir",
        "disable-effects=wallpaper;animation;",
        "color-depth=16",
        "versions=rhev-win64:2.0-160;rhel6:99.0-1",
        "newer-version-url=http://example.org/new",
        "x-vendor=anything",
        "novelty=1",
      )}[ovirt]\nhost=engine.example:443\nvm-guid=6a48\nsso-token=t0k\nadmin=1\n`,
    );
    expect(options.endpoint).toMatchObject({ host: "192.0.2.7", port: null, tlsPort: 5901 });
    expect(options.secureChannels).toEqual([
      "main",
      "inputs",
      "cursor",
      "playback",
      "record",
      "display",
      "smartcard",
      "usbredir",
    ]);
    expect(options.tlsCiphers).toBe("DEFAULT");
    expect(options.viewer).toEqual({
      title: "desk:%d",
      fullscreen: false,
      hotkeys: {},
      colorDepth: 16,
      disabledEffects: ["wallpaper", "animation"],
      enableSmartcard: false,
      enableUsbredir: true,
      usbAutoShare: true,
      usbFilter: "0x03,-1,-1,-1,0|-1,-1,-1,-1,1",
    });
    expect(deleteThisFile).toBe(false);
    expect(ovirt).toMatchObject({ host: "engine.example:443", ssoToken: "t0k", admin: true });
    expect(unknownKeys).toEqual(["novelty"]);
  });

  test("may name a unix socket, all channels, and channels to leave out", () => {
    const { options } = parseVvFile(
      file("unix-path=/run/a\\sb", "secure-channels=all", "disable-channels=usbredir,playback"),
    );
    expect(options.endpoint.unixPath).toBe("/run/a b");
    expect(options.secureChannels).toBe("all");
    expect(options.disabledChannels).toEqual(["usbredir", "playback"]);
  });

  test("may name secure channels as old management software did", () => {
    const { options } = parseVvFile(
      file("host=h", "port=1", "secure-channels=smain;sinputs;stunnel"),
    );
    expect(options.secureChannels).toEqual(["main", "inputs"]);
  });

  test.each([
    ["VV_SYNTAX", "[other]\nhost=h\n", "[virt-viewer]"],
    ["VV_SYNTAX", file("hunter2"), "line 2"],
    ["VV_SYNTAX", "password=hunter2\n", "line 1"],
    ["VV_SYNTAX", "x".repeat(2 << 20), "too large"],
    ["VV_VALUE", file("port=5900"), "host"],
    ["VV_VALUE", file("host=h", "port=-1", "tls-port=0"), "tls-port"],
    ["VV_VALUE", file("host=h", "port=70000"), "1 to 65535"],
    ["VV_VALUE", file("host=h", "port=hunter2"), "not a number"],
    ["VV_VALUE", file("host=h", "port=1", "password=hunter2\\x"), "backslash"],
    ["VV_VALUE", file("host=h", "port=1", "fullscreen=hunter2"), "1 nor 0"],
    ["VV_VALUE", file("host=h", "port=1", "proxy=socks://u:hunter2@h"), "http://"],
    ["VV_VALUE", file("host=h", "port=1", "secure-channels=dispaly"), "does not exist"],
    ["VV_TYPE", file("type=vnc", "host=h", "port=1"), "vnc"],
    ["VV_VERSION", file("version=12.0", "host=h", "port=1"), "12.0"],
    [
      "VV_VERSION",
      file("versions=caraway:99.1", "newer-version-url=http://n", "host=h"),
      "http://n",
    ],
  ])("that is wrong fails as %s, without repeating secrets", (code, text, words) => {
    let error: unknown;
    try {
      parseVvFile(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(VvFileError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect((error as Error).message).not.toContain("hunter2");
  });

  test.each(["2.0-160", "11.0", "0.5.6"])(
    "for remote-viewer %s is one that we understand",
    (version) => {
      expect(() => parseVvFile(file(`version=${version}`, "host=h", "port=1"))).not.toThrow();
    },
  );
});

describe("reading a .vv file", () => {
  const folder = mkdtempSync(join(tmpdir(), "caraway-vv-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("deletes it where it asks for that, and only then", async () => {
    const path = join(folder, "once.vv");
    for (const [wish, remains] of [
      ["delete-this-file=0", true],
      ["delete-this-file=1", false],
    ] as const) {
      writeFileSync(path, file("host=h", "port=1", wish));
      expect((await readVvFile(path)).options.endpoint.host).toBe("h");
      expect(existsSync(path)).toBe(remains);
    }
  });

  test("keeps a file that it could not understand", async () => {
    const path = join(folder, "wrong.vv");
    writeFileSync(path, file("delete-this-file=1", "type=vnc"));
    await expect(readVvFile(path)).rejects.toMatchObject({ code: "VV_TYPE" });
    expect(existsSync(path)).toBe(true);
  });

  test("takes standard input for a dash", async () => {
    const input = Readable.from([file("host=h", "port=1", "delete-this-file=1")]);
    expect((await readVvFile("-", input)).options.endpoint.port).toBe(1);
  });

  test("says which file is not there", async () => {
    const path = join(folder, "absent.vv");
    await expect(readVvFile(path)).rejects.toMatchObject({
      code: "VV_FILE",
      message: expect.stringContaining("absent.vv"),
    });
  });
});

describe("a key file", () => {
  test("has groups, keys with spaces around them, comments and blank lines", () => {
    const groups = parseKeyFile(
      "\ufeff# first\r\n\n[a b]\r\n  key = one = two \r\n[c]\nkey=\n[a b]\nmore=1",
    );
    expect([...groups].map(([name, keys]) => [name, Object.fromEntries(keys)])).toEqual([
      ["a b", { key: "one = two ", more: "1" }],
      ["c", { key: "" }],
    ]);
  });

  test("names the line that is wrong", () => {
    expect(() => parseKeyFile("[a]\nb=1\nwhat\n")).toThrow(KeyFileError);
    expect(() => parseKeyFile("[a]\nb=1\n=2\n")).toThrow("line 3");
    expect(() => parseKeyFile("b=1\n")).toThrow("before the first");
  });

  test("escapes values and lists", () => {
    expect(unescapeValue("a\\sb\\n\\t\\r\\\\")).toBe("a b\n\t\r\\");
    expect(unescapeValue("a\\q")).toBeNull();
    expect(unescapeValue("a\\")).toBeNull();
    expect(splitList("a; b\\;c ;;d;")).toEqual(["a", "b;c", "d"]);
  });
});

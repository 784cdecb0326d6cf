import { parseVvFile } from "@caraway/node";
import { InvalidArgumentError } from "commander";
import { describe, expect, it } from "vitest";
import { parseRules, parseUsb, rulesOfFile } from "../src/usb-devices.ts";

describe("a USB device", () => {
  it("is a stick or a CD drive, and may be one of several", () => {
    const first = parseUsb("file=a,b.img");
    expect(parseUsb("cd=/x/disc.iso", parseUsb("file=c.img,readonly", first))).toEqual([
      { what: "drive", kind: "stick", file: "a,b.img", readOnly: false },
      { what: "drive", kind: "stick", file: "c.img", readOnly: true },
      { what: "drive", kind: "cd", file: "/x/disc.iso", readOnly: true },
    ]);
  });

  it("is a keyboard, a serial line, or one of this machine", () => {
    expect(parseUsb("host=0951:16Ab", parseUsb("serial=/dev/pts/3", parseUsb("keyboard")))).toEqual(
      [
        { what: "hid", kind: "keyboard" },
        { what: "serial", path: "/dev/pts/3" },
        { what: "host", vendor: 0x0951, product: 0x16ab },
      ],
    );
  });

  it.each(["a.img", "file=", "dvd=x", "", "host=951:16ab", "keyboard=1"])("is not %s", (text) => {
    expect(() => parseUsb(text)).toThrow(InvalidArgumentError);
  });
});

describe("rules for USB devices", () => {
  it("are usbredir's", () => {
    expect(parseRules("0x03,-1,-1,-1,0|-1,-1,-1,-1,1")).toHaveLength(2);
    expect(() => parseRules("3,1")).toThrow(InvalidArgumentError);
  });

  it("come from a .vv file that wants devices to go by themselves, unless a flag says others", () => {
    const read = (text: string) => {
      return parseVvFile(`[virt-viewer]\ntype=spice\nhost=h\nport=1\n${text}`).options.viewer;
    };
    const wanted = read("enable-usb-autoshare=1\nusb-filter=-1,0x1234,-1,-1,1");
    expect(rulesOfFile({}, wanted).usbAuto).toMatchObject([{ vendor: 0x1234, allow: true }]);
    expect(rulesOfFile({}, read("enable-usb-autoshare=1")).usbAuto).toBe(true);
    expect(rulesOfFile({ usbAuto: [] }, wanted).usbAuto).toEqual([]);
    expect(rulesOfFile({}, read("")).usbAuto).toBeUndefined();
    const off = read("enable-usbredir=0\nenable-usb-autoshare=1");
    expect(rulesOfFile({}, off).usbAuto).toBeUndefined();
  });
});

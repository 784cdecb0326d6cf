import type { GuestOutput } from "@caraway/server";
import { describe, expect, it } from "vitest";
import type { DbusMessage } from "../src/dbus-message.ts";
import type { DbusValue } from "../src/dbus-value.ts";
import { DisplayListener } from "../src/display-listener.ts";
import { keyNumber } from "../src/qemu-inputs.ts";

const xrgb = 0x20020888;

function setUp({ isPolled = true } = {}) {
  const outputs: GuestOutput[] = [];
  const listener: DisplayListener = new DisplayListener(0, () => {
    if (isPolled) outputs.push(...listener.screen.take());
  });
  const call = (member: string, ...body: readonly DbusValue[]) => {
    return listener.called({
      interface: "org.qemu.Display1.Listener",
      member,
      body,
    } as Partial<DbusMessage> as DbusMessage);
  };
  const scanout = (width: number, height: number, format = xrgb) => {
    const stride = width * 4;
    call("Scanout", width, height, stride, format, new Uint8Array(stride * height));
  };
  return { outputs, listener, call, scanout };
}

describe("a listener of QEMU's display", () => {
  it("makes a surface of a scanout, another one of another size, and new pixels of the same", () => {
    const { outputs, scanout } = setUp();
    scanout(4, 2);
    scanout(4, 2);
    scanout(8, 2);
    expect(outputs.map(({ type }) => type)).toEqual([
      "surface-create",
      "update",
      "surface-destroy",
      "surface-create",
    ]);
  });

  it("takes updates that lie on what is shown, and no others", () => {
    const { outputs, call, scanout } = setUp();
    const update = (x: number, y: number, width: number, height: number, size = 4096) => {
      call("Update", x, y, width, height, width * 4, xrgb, new Uint8Array(size));
    };
    update(0, 0, 1, 1);
    scanout(4, 2);
    update(1, 1, 3, 1);
    update(2, 0, 3, 1);
    update(-1, 0, 1, 1);
    update(0, 0, 0, 1);
    update(0, 0, 4, 2, 3);
    call("Update", 0, 0, 1);
    call("Update", 0, 0, 1, 1, 4, 0x12345678, new Uint8Array(4));
    expect(outputs.map(({ type }) => type)).toEqual(["surface-create", "update"]);
  });

  it("tells who is slow of all changes at once, as they are at last", () => {
    const { listener, call, scanout } = setUp({ isPolled: false });
    scanout(4, 2);
    expect(listener.screen.take().map(({ type }) => type)).toEqual(["surface-create"]);
    for (let value = 1; value <= 1000; value++) {
      call("Update", value % 4, 0, 1, 1, 4, xrgb, new Uint8Array(4).fill(value & 0xff));
    }
    const outputs = listener.screen.take();
    expect(outputs).toMatchObject([
      { type: "update", box: { left: 0, top: 0, right: 4, bottom: 1 } },
    ]);
    const [update] = outputs;
    const bytes = update?.type === "update" ? update.pixels.data : new Uint8Array();
    expect([bytes[0], bytes[4], bytes[8], bytes[12]]).toEqual(
      [1000, 997, 998, 999].map((v) => v & 0xff),
    );
    expect(listener.screen.take()).toEqual([]);
  });

  it("describes all that it shows to whoever comes later", () => {
    const { listener, call, scanout } = setUp();
    scanout(4, 2);
    call("CursorDefine", 2, 2, 0, 1, new Uint8Array(16));
    call("MouseSet", 7, 8, 1);
    expect(listener.screen.describe()).toMatchObject([
      { type: "surface-create", width: 4, height: 2 },
      { type: "cursor-shape", shape: { width: 2 } },
      { type: "cursor-move", x: 7, y: 8, visible: true },
    ]);
  });

  it("refuses scanouts that cannot be", () => {
    const { outputs, call, scanout } = setUp();
    scanout(0, 2);
    scanout(4, 2, 0x12345678);
    call("Scanout", 4, 2, 8, xrgb, new Uint8Array(32));
    call("Scanout", 4, 2, 16, xrgb, new Uint8Array(31));
    call("Scanout", 100_000, 100_000, 400_000, xrgb, new Uint8Array(16));
    call("Scanout");
    expect(outputs).toEqual([]);
  });

  it("shows the pointer when it has a shape", () => {
    const { outputs, call } = setUp();
    call("MouseSet", 5, 6, 1);
    call("CursorDefine", 2, 2, 0, 1, new Uint8Array(16));
    call("MouseSet", 7, 8, 1);
    call("CursorDefine", 2, 2, 0, 1, new Uint8Array(15));
    call("CursorDefine", 100_000, 2, 0, 1, new Uint8Array(16));
    expect(outputs).toMatchObject([
      { type: "cursor-move", visible: false },
      { type: "cursor-shape", shape: { width: 2, hotSpotY: 1 } },
      { type: "cursor-move", x: 7, y: 8, visible: true },
    ]);
  });

  it("answers what QEMU asks of its properties at once", () => {
    const { listener } = setUp();
    const question = {
      interface: "org.freedesktop.DBus.Properties",
      member: "GetAll",
      body: ["org.qemu.Display1.Listener"],
    };
    const answer = listener.called(question as Partial<DbusMessage> as DbusMessage);
    expect(answer.signature).toBe("a{sv}");
    expect(answer.body).toEqual([[["Interfaces", { signature: "as", value: [] }]]]);
  });
});

describe("keys", () => {
  it("have QEMU's numbers", () => {
    expect([0x1e, 0xe01d, 0xe05b, 0xe11d45].map(keyNumber)).toEqual([0x1e, 0x9d, 0xdb, 0xc6]);
  });
});

// One smoke of the real client library: what it shows is what QEMU shows, and its input reaches the guest.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  compareImages,
  type GtkClient,
  startGtkClient,
  startSavedVm,
  type Vm,
} from "../src/index.ts";

// The first run on a machine installs packages, builds the guest and boots it once.
const setUpMs = 900_000;

describe("spice-gtk as a client of QEMU", () => {
  let vm: Vm;
  let client: GtkClient;
  beforeAll(async () => {
    vm = await startSavedVm("qxl-vga", { spice: { password: "caraway" } });
    client = await startGtkClient(vm.spice);
    await client.waitFor("mark");
  }, setUpMs);
  afterAll(async () => {
    await client?.close();
    await vm?.close();
  });

  it("shows a busy desktop exactly", async () => {
    await vm.shell.run("busy start scroll draw; sleep 2");
    await vm.withStillPicture(async (picture) => {
      const shown = await client.dumpWhenEqual(picture);
      expect(compareImages(shown, picture)).toMatchObject({ pixels: 0, psnr: Infinity });
    });
    await vm.shell.run("busy stop");
  });

  it("reaches the guest with keys, buttons and LEDs, each once", async () => {
    await vm.shell.run("setsid xevents >/dev/null 2>&1 &");
    await vm.events.waitFor(/^0 READY 1024x768$/);
    client.tapKey(30);
    await vm.events.waitFor(/ KEY up 38 a$/);
    client.send("button down 4 0");
    client.send("button up 4 0");
    await vm.events.waitFor(/ BUTTON up 4$/);
    client.send("leds 4");
    await vm.events.waitFor(/ LEDS 1$/);
    const named = vm.events.lines.map((line) => line.replace(/^\d+ /, ""));
    for (const once of ["KEY down 38 a", "KEY up 38 a", "BUTTON down 4", "BUTTON up 4"]) {
      expect(named.filter((line) => line === once)).toEqual([once]);
    }
  });
});

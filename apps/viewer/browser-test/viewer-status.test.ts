// What a user reads and can do about it: logins, lost servers, moves that fail.

import { announceTarget, startMigrationTarget, startSavedVm, type Vm } from "@caraway/interop";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addressOf, urlOf, type ViewerPage, ViewerWorld } from "./viewer-page.ts";

const setUpMs = 900_000;
const password = "secret";

describe("the viewer's status (smoke)", () => {
  let vm: Vm;
  let world: ViewerWorld;

  beforeAll(async () => {
    world = await ViewerWorld.start();
    vm = await startSavedVm("qxl-vga", { spice: { password } });
  }, setUpMs);

  afterAll(async () => {
    await vm?.close();
    await world?.[Symbol.asyncDispose]();
  });

  const cover = (viewer: ViewerPage) => viewer.page.locator("spice-viewer .cover");
  const line = (viewer: ViewerPage) => viewer.page.locator("spice-viewer .line");

  it("asks for a password until it is right, with the keyboard alone", async () => {
    await using viewer = await world.open(`?host=${vm.spice.host}&port=${vm.spice.port}`);
    const { keyboard } = viewer.page;
    await cover(viewer).getByText("This desktop is protected").waitFor();
    await viewer.page.waitForFunction(() => {
      return document.querySelector("spice-viewer")?.shadowRoot?.activeElement?.matches("input");
    });
    await keyboard.type("wrong");
    await keyboard.press("Enter");
    await cover(viewer).getByText("was not accepted").waitFor();
    await keyboard.type(password);
    await keyboard.press("Enter");
    await viewer.untilShown();
  });

  it("speaks the language of its page", async () => {
    await using viewer = await world.open(`?host=${vm.spice.host}&port=${vm.spice.port}&lang=de`);
    await cover(viewer).getByText("Dieser Desktop ist geschützt").waitFor();
  });

  it("says what to do where nothing answers", async () => {
    await using viewer = await world.open("?host=127.0.0.1&port=1");
    await cover(viewer).getByText("Could not connect").waitFor();
    await cover(viewer).getByText("Check the address and your network").waitFor();
    await cover(viewer).getByRole("button", { name: "Connect again" }).waitFor();
  });

  it("works on a page with a strict security policy", async () => {
    await using strict = await world.open(addressOf(vm), {}, "strict");
    await strict.untilShown();
    await strict.page.mouse.move(512, 3);
    await strict.page.locator("spice-viewer .tool").first().waitFor();
    expect(strict.errors).toEqual([]);
    // The element has its style, although the page allows no style elements.
    const position = await strict.run((element) => {
      return getComputedStyle(element.shadowRoot!.querySelector(".stage")!).position;
    });
    expect(position).toBe("absolute");
  });

  it("stays at the source when a move is called off, with the keyboard alive", async () => {
    await vm.shell.run("setsid xevents >/dev/null 2>&1 &");
    await vm.events.waitFor(/READY/);
    await using viewer = await world.open(addressOf(vm));
    await viewer.untilShown();
    const target = await startMigrationTarget(vm);
    try {
      await announceTarget(vm, target, {});
      await line(viewer).getByText("This desktop is moving to another host").waitFor();
      await viewer.until(({ migrations }) => migrations.at(-1)?.readyAt !== null);
      // So slow that the target dies while memory is on its way.
      await vm.qmp.executeAny("migrate-set-parameters", { "max-bandwidth": 1 << 20 });
      const uri = `unix:${target.directory}/incoming`;
      await target.qmp.executeAny("migrate-incoming", { uri });
      await vm.qmp.execute("migrate", { uri });
      await viewer.page.waitForTimeout(500);
      await target.kill();
    } finally {
      await target.close();
    }
    await viewer.until(({ migrations }) => migrations.at(-1)?.outcome === "cancelled");
    await line(viewer).getByText("The move was called off").waitFor();
    expect(await viewer.run(({ state }) => state.kind)).toBe("connected");
    await viewer.run((element) => element.focus());
    await viewer.page.keyboard.press("KeyG");
    await vm.events.waitFor(/KEY up .* g$/);
  });

  it("counts down to a server that was lost, and finds it again by itself", async () => {
    const first = await startSavedVm("qxl-vga", { spice: { password } });
    try {
      await using viewer = await world.open("?autoconnect=0");
      // The embedder knows where the server is, also when that changes.
      await viewer.run(
        (element, [url, secret]) => {
          document.body.dataset["connected"] = "true";
          document.querySelector("form")!.hidden = true;
          Object.assign(globalThis, { serverUrl: url });
          const where = () => (globalThis as unknown as { serverUrl: string }).serverUrl;
          element.connect(() => where(), { credentials: { password: secret } });
        },
        [urlOf(first), password] as const,
      );
      await viewer.untilShown();
      await first.kill();
      await cover(viewer).getByText("The connection was lost").waitFor();
      await cover(viewer)
        .getByText(/Connecting again in \d+ second/)
        .waitFor();
      // The last picture stays behind the card.
      expect(await viewer.page.locator("spice-viewer .screen canvas").count()).toBeGreaterThan(0);
      await cover(viewer).getByRole("button", { name: "Cancel" }).click();
      await cover(viewer).getByRole("button", { name: "Connect again" }).waitFor();
      await viewer.run((_element, url) => Object.assign(globalThis, { serverUrl: url }), urlOf(vm));
      await cover(viewer).getByRole("button", { name: "Connect again" }).click();
      await viewer.untilShown();
      await viewer.run((element) => {
        element.controls = false;
      });
      await vm.withStillPicture(async (wanted) => {
        await viewer.run((element) => {
          element.scaling = "none";
        });
        expect(await viewer.difference(wanted)).toBe(0);
      });
    } finally {
      await first.close();
    }
  });
});

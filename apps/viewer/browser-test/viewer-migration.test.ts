// A desktop in a real Chromium, through our gateway, while its VM moves between two real QEMUs, in
// each mode: nothing blinks, the keyboard goes on, and the picture is exact afterwards.

import {
  againIfGuestDied,
  demandAlive,
  startMigrationTarget,
  startSavedVm,
  TestGateway,
  type Vm,
} from "@caraway/interop";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pictureGapMs } from "../src/session/timeline.ts";
import { type ViewerPage, ViewerWorld } from "./viewer-page.ts";

const setUpMs = 900_000;
const password = "secret";
/** For some attempts. */
const movesMs = 300_000;

/** What was seen of the desktop, sampled as often as the browser shows a frame. */
interface Watch {
  samples: number;
  /** Samples without a picture: of one colour only, or with something lying before it. */
  blank: number;
  states: string[];
}

declare const watch: Watch;

describe("a viewer whose VM moves (smoke)", { timeout: movesMs }, () => {
  let world: ViewerWorld;
  let gateway: TestGateway;

  beforeAll(async () => {
    world = await ViewerWorld.start();
    gateway = await TestGateway.start({ web: world.directory });
  }, setUpMs);

  afterAll(async () => {
    await gateway?.close();
    await world?.[Symbol.asyncDispose]();
  });

  /** Looks at what is shown with every frame, until the page closes. */
  async function startWatching(viewer: ViewerPage): Promise<void> {
    await viewer.page.evaluate(() => {
      const seen: Watch = { samples: 0, blank: 0, states: [] };
      Object.assign(globalThis, { watch: seen });
      const element = document.querySelector("spice-viewer")!;
      const root = element.shadowRoot!;
      const small = document.createElement("canvas");
      small.width = 64;
      small.height = 48;
      const context = small.getContext("2d", { willReadFrequently: true })!;
      const look = (): void => {
        requestAnimationFrame(look);
        const shown = [...root.querySelectorAll<HTMLCanvasElement>(".screen canvas")].filter(
          (canvas) => !canvas.matches(".pointer, .coming"),
        );
        const cover = root.querySelector<HTMLElement>(".cover")!;
        context.fillRect(0, 0, 64, 48);
        for (const canvas of shown) context.drawImage(canvas, 0, 0, 64, 48);
        const { data } = context.getImageData(0, 0, 64, 48);
        const colours = new Set(new Uint32Array(data.buffer));
        seen.samples += 1;
        if (colours.size < 16 || !cover.hidden) seen.blank += 1;
        const { state } = element;
        const name =
          state.kind === "connected" ? `connected ${state.move?.phase ?? ""}` : state.kind;
        if (name !== seen.states.at(-1)) seen.states.push(name);
      };
      look();
    });
  }

  async function moves(
    mode: "seamless" | "semi-seamless" | "switch-host",
    after?: (viewer: ViewerPage, target: Vm) => Promise<void>,
  ): Promise<void> {
    // A token is good once: another attempt needs another.
    await againIfGuestDied((number) => {
      return move(mode, number === 1 ? mode : `${mode}-${number}`, after);
    });
  }

  async function move(
    mode: "seamless" | "semi-seamless" | "switch-host",
    token: string,
    after?: (viewer: ViewerPage, target: Vm) => Promise<void>,
  ): Promise<void> {
    const source = await startSavedVm("qxl-vga", { spice: { password } });
    let target: Vm | null = null;
    let viewer: ViewerPage | null = null;
    try {
      target = await startMigrationTarget(source);
      await source.shell.run("setsid xevents >/dev/null 2>&1 &");
      await source.events.waitFor(/READY/);
      gateway.addToken(token, source, "once");
      viewer = await world.openAt(`${gateway.origin}/?autoconnect=0`);
      const wishes = { token, migration: mode };
      await viewer.run((element, wanted) => {
        document.body.dataset["connected"] = "true";
        document.querySelector("form")!.hidden = true;
        element.controls = false;
        element.scaling = "none";
        element.connect("", wanted);
      }, wishes);
      await viewer.untilShown();
      await source.shell.run("busy start scroll");
      await startWatching(viewer);
      await viewer.run((element) => element.focus());
      await viewer.page.keyboard.press("KeyA");
      await source.events.waitFor(/KEY up .* a$/);

      // Held from before the move until after it: nothing may stay pressed.
      await viewer.page.keyboard.down("ShiftLeft");
      const report = await source.migrateTo(target);
      await viewer.until((element) => element.migrations.at(-1)?.outcome === "done", 30_000);
      await viewer.page.keyboard.up("ShiftLeft");
      await viewer.page.keyboard.press("KeyB");
      await demandAlive(target);
      await target.events.waitFor(/KEY up .* b$/);
      const keys = [...source.events.lines, ...target.events.lines].filter((line) => {
        return line.includes("KEY");
      });
      expect(keys.filter((line) => line.endsWith(" b"))).toHaveLength(2);
      expect(keys.filter((line) => / up .* Shift_L$/.test(line)).length).toBeGreaterThan(0);

      await target.shell.run("busy stop");
      await target.withStillPicture(async (wanted) => {
        expect(await viewer!.difference(wanted)).toBe(0);
      });
      const record = await viewer.run((element) => element.migrations.at(-1)!);
      expect(record).toMatchObject({ mode, outcome: "done" });
      const seen = await viewer.page.evaluate(() => watch);
      expect(seen.samples).toBeGreaterThan(20);
      expect(seen.blank).toBe(0);
      expect(seen.states.every((state) => state.startsWith("connected"))).toBe(true);
      if (mode === "seamless") {
        expect(record.channels.map(({ outcome }) => outcome)).not.toContain("lost");
        expect(record.channels).toContainEqual(
          expect.objectContaining({ label: "display 0", outcome: "kept" }),
        );
      }
      const gap = pictureGapMs(record);
      process.stdout.write(
        `  ${mode}: picture stood ${gap?.toFixed(0)} ms, guest ${report.downtimeMs} ms, ${seen.samples} frames seen\n`,
      );
      expect(viewer.errors).toEqual([]);
      await after?.(viewer, target);
    } finally {
      await viewer?.[Symbol.asyncDispose]();
      await target?.close();
      await source.close();
    }
  }

  it("goes over seamlessly, and finds its desktop again when the gateway was restarted", async () => {
    await moves("seamless", async (viewer, target) => {
      await gateway.restart();
      await viewer.until((element) => element.state.kind !== "connected");
      await viewer.untilShown();
      const states = (await viewer.page.evaluate(() => watch)).states.map((state) => {
        return state.split(" ")[0];
      });
      expect(states).toContain("waiting");
      // By what its session has become, since its token was good only once.
      await viewer.run((element) => element.focus());
      await viewer.page.keyboard.press("KeyC");
      await target.events.waitFor(/KEY up .* c$/);
      await target.withStillPicture(async (wanted) => {
        expect(await viewer.difference(wanted)).toBe(0);
      });
    });
  });

  it("says so when its token was used before", async () => {
    await using viewer = await world.openAt(`${gateway.origin}/?token=seamless`);
    await viewer.page
      .locator("spice-viewer .cover")
      .getByText("This link was used already")
      .waitFor();
  });

  it("goes over semi-seamlessly", async () => {
    await moves("semi-seamless");
  });

  it("goes over by changing hosts", async () => {
    await moves("switch-host");
  });
});

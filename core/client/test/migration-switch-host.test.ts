import { describe, expect, it } from "vitest";
import { connected, expectAttached, expectEnded, type Setting } from "./setting.ts";

function moveWithoutWord(setting: Setting): void {
  setting.source.switchHost(setting.target);
  setting.world.run();
}

describe("switch-host", () => {
  it("leaves the source and opens a new session at the target", () => {
    const setting = connected();
    const { world, source, target } = setting;
    moveWithoutWord(setting);
    expect(source.completed).toBe(true);
    expect(target.main.connectionId).toBe(0);
    expect(world.phases).toBe("switching:switch-host done:switch-host");
    expect(world.named("session")).toHaveLength(2);
    expect(world.outcomes).toHaveLength(target.labels.length);
    expectAttached(setting, target);
  });

  it("keeps what was typed meanwhile, once", () => {
    const setting = connected();
    const { world, source, target } = setting;
    world.type(30);
    world.run();
    source.switchHost(target);
    world.run(() => world.phases.includes("switching"));
    world.type(31);
    world.advance(1000);
    expect([source.keys, target.keys]).toEqual([
      ["+30", "-30"],
      ["-30", "+31", "-31"],
    ]);
  });

  it("says nothing to the target that was meant for the source", () => {
    const setting = connected();
    const { world, source, target } = setting;
    source.switchHost(target);
    world.run(() => world.phases.includes("switching"));
    world.command({ name: "mouse-mode", mode: "server" });
    world.run();
    expect(target.main.names()).toEqual(["ATTACH_CHANNELS"]);
  });

  it("tries again while the target cannot be reached", () => {
    const setting = connected();
    const { world, target } = setting;
    target.die();
    moveWithoutWord(setting);
    world.advance(10_000);
    expect(world.endCode).toBeUndefined();
    target.listen();
    world.advance(1000);
    expect(world.phases).toBe("switching:switch-host done:switch-host");
    expectAttached(setting, target);
  });

  it("gives up a target that cannot be reached, with the last reason", () => {
    const setting = connected();
    setting.target.die();
    moveWithoutWord(setting);
    setting.world.advance(15_000);
    expectEnded(setting, "MIGRATION_TIMEOUT");
    const [ended] = setting.world.named("ended");
    expect(ended?.error?.message).toContain("refused");
  });

  it("gives up a target that takes the connection and says nothing", () => {
    const setting = connected();
    setting.target.isDeaf = true;
    moveWithoutWord(setting);
    setting.world.advance(15_000);
    expectEnded(setting, "MIGRATION_TIMEOUT");
  });

  it("ends at once when the target refuses the password", () => {
    const setting = connected({ target: { password: "other" } });
    moveWithoutWord(setting);
    expectEnded(setting, "LINK_PERMISSION_DENIED");
  });

  it("ends when the target has no address that may be used", () => {
    const setting = connected({ session: { mapTarget: () => null } });
    moveWithoutWord(setting);
    expectEnded(setting, "MIGRATION_TARGET_REFUSED");
  });

  it("loses channels that the target does not have", () => {
    const setting = connected({ target: { channels: ["display 0", "inputs 0"] } });
    const { world, target } = setting;
    moveWithoutWord(setting);
    expect(world.named("channel-lost").map(({ channel }) => channel)).toEqual([
      "cursor",
      "usbredir",
      "playback",
    ]);
    expectAttached(setting, target);
  });

  it("goes where the embedder's mapping says", () => {
    const setting = connected({
      session: { mapTarget: (named) => ({ ...named, host: "gateway", port: 2, tlsPort: null }) },
    });
    const { world, source, target } = setting;
    Object.assign(target.options, { port: 65535, tlsPort: 65535 });
    source.switchHost(target);
    Object.assign(target.options, { port: 2, tlsPort: undefined });
    world.run();
    expectAttached(setting, target);
    expect(world.session.endpoint.host).toBe("gateway");
  });

  it("takes a port that management left out, 65535 on the wire, for absent", () => {
    const setting = connected();
    const { world, source } = setting;
    source.main.send("MIGRATE_SWITCH_HOST", {
      port: 65535,
      sport: 0,
      host: "target",
      certSubject: "",
    });
    world.run();
    expectEnded(setting, "MIGRATION_NO_ADDRESS");
  });

  it("may be said again by the target", () => {
    const setting = connected();
    const { world, source, target } = setting;
    source.switchHost(target);
    world.run(() => target.labels.length === 3);
    target.switchHost(source);
    world.run();
    expectAttached(setting, source);
  });
});

describe("switch-host in the middle of linking", () => {
  it("drops the links and opens a new session, at every step", () => {
    for (let count = 0; count < 80; count++) {
      const setting = connected();
      const { world, source, target } = setting;
      source.announce(target);
      for (let step = 0; step < count; step++) world.steps[0]?.take();
      source.switchHost(target);
      world.run();
      expect(source.completed).toBe(true);
      expect(world.phases).toContain("done:switch-host");
      expectAttached(setting, target);
    }
  });
});

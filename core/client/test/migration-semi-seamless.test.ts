import { agentPieces } from "@caraway/agent";
import { AgentCapability, capabilityWords } from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { ScriptedServer } from "./scripted-server.ts";
import {
  connected,
  expectAttached,
  expectEnded,
  expectNoBreach,
  prepare,
  ready,
  type SettingOptions,
} from "./setting.ts";

const monitors = [{ width: 1280, height: 800, x: 0, y: 0 }];

describe.each([true, false])("a semi-seamless migration over mini headers %s", (miniHeader) => {
  const options: SettingOptions = { source: { miniHeader }, target: { miniHeader } };

  it("begins everything anew over the links that are there", () => {
    const setting = ready("semi-seamless", options);
    const { world, source, target } = setting;
    const links = world.connections.size;
    source.finish(target);
    world.run();
    expect(source.completed).toBe(true);
    expect(world.connections.size).toBe(links);
    expect(world.phases).toBe(
      "begin:semi-seamless ready:semi-seamless switching:semi-seamless done:semi-seamless",
    );
    expect(target.main.names().slice(0, 1)).toEqual(["MIGRATE_END"]);
    expect(target.main.names()).toContain("ATTACH_CHANNELS");
    expect(target.channel("display 0").names()).toEqual(["INIT"]);
    expect(world.renders.slice(-2)).toEqual([
      { type: "reset-caches" },
      { type: "reset", display: 0 },
    ]);
    expectAttached(setting, target);
  });

  it("numbers messages from 1 again", () => {
    const { world, source, target } = ready("semi-seamless", options);
    source.finish(target);
    world.advance(1000);
    world.type(30);
    world.run();
    expect(target.channel("inputs 0").serials).toEqual([1n, 2n]);
  });
});

describe("what a semi-seamless migration keeps", () => {
  it("is what was typed meanwhile, once and to one server", () => {
    const setting = ready("semi-seamless");
    const { world, source, target } = setting;
    world.type(30);
    world.run();
    source.finish(target);
    world.run(() => world.phases.includes("switching"));
    world.type(31);
    world.advance(1000);
    expect(source.keys).toEqual(["+30", "-30"]);
    expect(target.keys).toEqual(["-30", "+31", "-31"]);
    expectAttached(setting, target);
  });

  it("is what is wanted of the guest's monitors; its agent begins anew", () => {
    const agent = { agentTokens: 10 };
    const setting = ready("semi-seamless", { source: agent, target: agent });
    const { world, source, target } = setting;
    const announce = (server: ScriptedServer) => {
      const caps = capabilityWords([AgentCapability.MONITORS_CONFIG]);
      const body = { request: 0, caps };
      for (const data of agentPieces({ name: "ANNOUNCE_CAPABILITIES", body }, new Set())) {
        server.main.send("AGENT_DATA", { data });
      }
      world.run();
    };
    announce(source);
    world.command({ name: "monitors", monitors });
    world.run();
    source.finish(target);
    world.run();
    expect(target.main.names()).toContain("AGENT_START");
    const before = target.main.messages.length;
    announce(target);
    expect(target.main.messages.slice(before)).toMatchObject([{ name: "AGENT_DATA" }]);
    expect(world.named("agent").map(({ connected }) => connected)).toEqual([true, false, true]);
  });

  it("is the mouse mode that is wanted", () => {
    const { world, source, target } = ready("semi-seamless");
    source.finish(target);
    world.run();
    expect(target.main.names()).toContain("MOUSE_MODE_REQUEST");
    expect(world.named("mouse-mode").at(-1)).toMatchObject({ mode: "client" });
  });
});

describe("channels of a semi-seamless migration", () => {
  it("that the target does not have are lost, and the rest goes on", () => {
    const channels = ["display 0", "inputs 0", "cursor 0", "playback 0"];
    const setting = connected({ target: { channels } });
    const { world, source, target } = setting;
    source.announce(target, "semi-seamless");
    world.advance(5000);
    expect(source.answer).toBe("connected");
    source.finish(target);
    world.run();
    expect(world.outcomes).toContain("usbredir 0: lost");
    expect(world.named("channel-lost")).toMatchObject([{ channel: "usbredir" }]);
    expect(world.phases).toContain("done:semi-seamless");
    expectAttached(setting, target);
  });

  it("that were not linked in time are linked after INIT", () => {
    const setting = connected();
    const { world, source, target } = setting;
    target.refuse = ({ name }) => (name === "usbredir" ? "silence" : null);
    source.announce(target, "semi-seamless");
    world.advance(4000);
    expect(source.answer).toBe("connected");
    source.finish(target);
    world.run(() => target.main.names().includes("MIGRATE_END"));
    target.refuse = () => null;
    world.run();
    expect(world.outcomes).toContain("usbredir 0: rebuilt");
    expect(world.phases).toContain("done:semi-seamless");
    expectAttached(setting, target);
  });

  it("that hang at the target do not keep the move from being done", () => {
    const setting = connected({ session: { linkTimeoutMs: 25_000 } });
    const { world, source, target } = setting;
    target.refuse = ({ name }) => (name === "usbredir" ? "silence" : null);
    source.announce(target, "semi-seamless");
    world.advance(4000);
    source.finish(target);
    world.run();
    expect(world.phases).not.toContain("done");
    world.advance(15_000);
    expect(world.phases).toContain("done:semi-seamless");
    expect(world.endCode).toBeUndefined();
    world.advance(25_000);
    expect(world.named("channel-lost")).toMatchObject([{ channel: "usbredir" }]);
    expectAttached(setting, target);
  });

  it("that were lost before the move are tried again at the target", () => {
    const setting = ready("semi-seamless");
    const { world, source, target } = setting;
    source.channel("playback 0").close();
    world.run();
    source.finish(target);
    world.run();
    expect(target.labels).toContain("playback 0");
    expectAttached(setting, target);
  });
});

describe("a target that fails in a semi-seamless move", () => {
  it("before INIT is tried again from nothing", () => {
    const setting = ready("semi-seamless");
    const { world, source, target } = setting;
    source.finish(target);
    world.run(() => world.phases.includes("switching"));
    target.die();
    target.listen();
    world.run();
    world.advance(1000);
    expect(world.phases).toContain("done:switch-host");
    expectAttached(setting, target);
  });

  it("for good ends the session, in time and with the reason", () => {
    const setting = ready("semi-seamless");
    const { world, source, target } = setting;
    source.finish(target);
    world.run(() => world.phases.includes("switching"));
    target.die();
    world.advance(15_000);
    expectEnded(setting, "MIGRATION_TIMEOUT");
  });

  it("by never saying INIT ends the session in time", () => {
    const setting = ready("semi-seamless");
    const { world, source, target } = setting;
    source.finish(target);
    world.run(() => world.phases.includes("switching"));
    const { connection } = target.main;
    world.run(() => world.steps.every(({ label }) => label === `${connection.key} to server`));
    connection.toServer.length = 0;
    world.advance(15_000);
    expectEnded(setting, "MIGRATION_TIMEOUT");
  });

  it("before the move is linked again in time", () => {
    const setting = ready("semi-seamless");
    const { world, source, target } = setting;
    target.die();
    target.listen();
    world.advance(1000);
    expectNoBreach(setting);
    expect(target.labels.sort()).toEqual(source.labels.sort());
    source.finish(target);
    world.run();
    expect(world.phases).toContain("done:semi-seamless");
    expectAttached(setting, target);
  });
});

describe("a server that is not what it seems", () => {
  it("and moves by MIGRATE what was agreed on as semi-seamless gets a session begun anew", () => {
    const setting = ready("semi-seamless");
    const { world, source, target } = setting;
    source.migrate(...source.labels);
    world.run();
    expect(world.phases).toContain("done:semi-seamless");
    expectAttached(setting, target);
  });

  it("and says MIGRATE_END out of nothing ends the session", () => {
    const setting = connected();
    setting.source.main.send("MIGRATE_END");
    setting.world.run();
    expectEnded(setting, "UNEXPECTED_MESSAGE");
  });

  it("and moves again before INIT leaves no link behind", () => {
    const setting = ready("semi-seamless");
    const { world, source, target } = setting;
    const third = new ScriptedServer(world, { name: "third", port: 3 });
    source.finish(target);
    world.run(() => world.phases.includes("switching"));
    target.switchHost(third);
    world.run(() => world.phases.endsWith("switching:switch-host"));
    expect(world.session.snapshot(world.now)).toMatchObject({ connections: 1 });
    world.run();
    expectAttached(setting, third);
  });
});

describe("a client that announces only semi-seamless migration", () => {
  it("answers a seamless offer as semi-seamless", () => {
    const setting = connected({ session: { migration: "semi-seamless" } });
    const { world, source, target } = setting;
    source.announce(target, "seamless");
    world.run();
    expect(source.answer).toBe("connected");
    expect(target.main.names()).toEqual([]);
    source.finish(target);
    world.run();
    expectAttached(setting, target);
  });

  it("says so when it links", () => {
    const capabilities = (["seamless", "semi-seamless", "switch-host"] as const).map((mode) => {
      const { world, source } = prepare({ session: { migration: mode, channels: ["main"] } });
      world.command({ name: "open" });
      world.run();
      return source.clientCapabilities;
    });
    // Bits: 0 semi-seamless, 1 name and uuid, 2 agent tokens, 3 seamless.
    expect(capabilities).toEqual([[0b1111], [0b0111], [0b0110]]);
  });
});

// Clipboard and files between the real programs and ours: the smoke of what
// testing/interop/cells/agent.ts holds with large content and through moves.

import { describe, expect, it } from "vitest";
import {
  AgentSession,
  copyInGuest,
  gtkShares,
  hashOfPaste,
  ourShares,
  sha256,
} from "../cells/agent.ts";

describe("an agent", () => {
  it("of a real guest shares the clipboard with our client and takes its files", async () => {
    const agent = await AgentSession.open();
    try {
      const { here, user } = agent;
      const text = Buffer.from("Grüße 日本語");
      await agent.copy("UTF8_TEXT", text);
      expect(await hashOfPaste(here, "clipboard -t UTF8_STRING")).toBe(sha256(text));
      await copyInGuest(here, "printf zurück", "clipboard");
      expect(Buffer.from((await user.paste("UTF8_TEXT"))!).toString()).toBe("zurück");
      const file = agent.file("a file.bin", 2_000_000);
      expect(await user.sent(await user.send(file.path))).toMatchObject({ phase: "done" });
      const arrived = await here.shell.run('sha256sum "$HOME/transfers/a file.bin"');
      expect(arrived.slice(0, 64)).toBe(file.hash);
    } finally {
      await agent.close();
    }
  });

  it("of the testcard shares clipboard, files and monitors with spice-gtk at our server", async () => {
    expect(await gtkShares()).toContain("text and pictures both ways");
  });

  it("of the testcard shares clipboard and files with our client at our server", async () => {
    expect(await ourShares(3_000_000)).toContain("3000000 bytes by hash");
  });
});

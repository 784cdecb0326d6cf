// A message of the agent's that is cut by a move at each of its bytes, in either direction, between
// a client of ours and a guest whose agent is real, with and without the link between the servers.

import { describe, expect, it } from "vitest";
import { type AgentCut, MovedDesktop } from "../../../guests/testcard/test/moved-desktop.ts";

const [control, letterC, letterV] = [0x1d, 0x2e, 0x2f];
const size = { width: 240, height: 240, speed: 0, agent: true } as const;
const text = "Cut me!";
/** Bytes of the chunk's header, the message's, the selection and type, and the text. */
const messageBytes = 8 + 20 + 8 + text.length;

function open(cut: AgentCut = {}): MovedDesktop {
  const desktop = new MovedDesktop(size, {}, cut);
  desktop.advance(50);
  return desktop;
}

function editorOf({ guest }: MovedDesktop): string {
  return (guest.snapshot(0) as { editor: { text: string } }).editor.text;
}

function giveText(desktop: MovedDesktop, content: string): void {
  desktop.clipboard = content;
  const offer = {
    name: "clipboard-offer",
    selection: "CLIPBOARD",
    formats: ["UTF8_TEXT"],
  } as const;
  desktop.command(offer);
  desktop.advance(20);
  desktop.press(control, letterV);
  desktop.advance(20);
}

/** What the guest copies, asked for by the client. */
function askForText(desktop: MovedDesktop): void {
  desktop.press(control, letterC);
  desktop.advance(20);
  desktop.command({ name: "clipboard-request", selection: "CLIPBOARD", format: "UTF8_TEXT" });
  desktop.advance(20);
}

function answers({ events }: MovedDesktop): string[] {
  return events.flatMap((event) => {
    if (event.name !== "clipboard-data") return [];
    return [event.data === null ? `none: ${event.failure}` : new TextDecoder().decode(event.data)];
  });
}

function count(haystack: string, needle: string): number {
  return haystack.split(needle).length - 1;
}

/** The agent is the same to the client, and both directions go on. */
function expectWell(desktop: MovedDesktop): void {
  expect(desktop.events.filter(({ name }) => name === "agent")).toHaveLength(1);
  giveText(desktop, "And next");
  expect(count(editorOf(desktop), "And next")).toBe(1);
  const before = answers(desktop).length;
  askForText(desktop);
  expect(answers(desktop).slice(before)).toEqual([editorOf(desktop)]);
}

describe.each([
  ["with the peer link", true],
  ["with MIGRATE_DATA alone", false],
])("a message that is cut by a move, %s", (_name, peer) => {
  it("reaches the guest whole and once, whichever of its bytes is the last in front", () => {
    const plain = open();
    giveText(plain, text);
    expect(count(editorOf(plain), text)).toBe(1);
    const end = plain.agentBytes.toGuest;
    for (let toGuest = end - messageBytes; toGuest <= end; toGuest++) {
      const desktop = open({ toGuest });
      giveText(desktop, text);
      expect(count(editorOf(desktop), text), `${toGuest} of ${end}`).toBe(toGuest < end ? 0 : 1);
      desktop.move(20, peer);
      desktop.advance(50);
      expect(count(editorOf(desktop), text), `${toGuest} of ${end}`).toBe(1);
      expectWell(desktop);
    }
  });

  it("reaches the client whole and once, whichever of its bytes is the last in front", () => {
    const plain = open();
    giveText(plain, text);
    askForText(plain);
    expect(answers(plain)).toEqual([editorOf(plain)]);
    const end = plain.agentBytes.fromGuest;
    const from = end - messageBytes - (editorOf(plain).length - text.length);
    for (let fromGuest = from; fromGuest <= end; fromGuest++) {
      // Of what is a long text every byte is like the other.
      if (fromGuest > from + messageBytes && fromGuest < end - 1) fromGuest = end - 1;
      const desktop = open({ fromGuest });
      giveText(desktop, text);
      askForText(desktop);
      expect(answers(desktop), `${fromGuest} of ${end}`).toHaveLength(fromGuest < end ? 0 : 1);
      desktop.move(20, peer);
      desktop.advance(50);
      expect(answers(desktop), `${fromGuest} of ${end}`).toEqual([editorOf(desktop)]);
      expectWell(desktop);
    }
  });
});

import type { ClientEvent } from "@caraway/browser";
import type { SessionCommand } from "@caraway/client";
import { describe, expect, it } from "vitest";
import type { ClipboardContent } from "../src/clipboard/browser-clipboard.ts";
import { ClipboardSync } from "../src/clipboard/clipboard-sync.ts";

const text = (content: string): ClipboardContent => ({ text: content, png: null });
const bytes = (content: string) => new TextEncoder().encode(content);

/** A sync with a clipboard that the browser allows or not. */
class Subject {
  content: ClipboardContent | null = null;
  mayRead = true;
  mayWrite = true;
  readonly commands: SessionCommand[] = [];
  readonly copied: ClipboardContent[] = [];
  readonly files: (readonly string[])[] = [];
  readonly troubles: string[] = [];
  readonly sync = new ClipboardSync(
    {
      read: async () => (this.mayRead ? this.content : null),
      write: async (content) => {
        if (this.mayWrite) this.content = content;
        return this.mayWrite;
      },
      toPng: async (picture, type) => bytes(`${type} ${picture.length}`) as Uint8Array<ArrayBuffer>,
    },
    {
      command: (command) => this.commands.push(command),
      copied: (content) => this.copied.push(content),
      filesCopied: (paths) => this.files.push(paths),
      clipboardFailed: (why) => this.troubles.push(why),
      changed: () => {},
    },
  );

  static attached(): Subject {
    const subject = new Subject();
    subject.sync.event({ name: "agent", connected: true, capabilities: [], error: null });
    return subject;
  }

  async userIsHere(): Promise<void> {
    await this.sync.userIsHere();
    await settled();
  }

  async guestCopies(content: string): Promise<void> {
    const selection = "CLIPBOARD";
    this.sync.event({ name: "clipboard-offer", selection, formats: ["UTF8_TEXT"] });
    const data = bytes(content);
    const about = { selection, format: "UTF8_TEXT", failure: null } as const;
    this.sync.event({ name: "clipboard-data", ...about, data } as ClientEvent);
    await settled();
  }

  /** Formats that were offered to the guest, each time. */
  get offers(): string[] {
    return this.commands.flatMap((command) => {
      return command.name === "clipboard-offer" ? [command.formats.join("+")] : [];
    });
  }

  guestPastes(): string | null {
    const event = { selection: "CLIPBOARD", format: "UTF8_TEXT" } as const;
    this.sync.event({ name: "clipboard-request", ...event });
    const answer = this.commands.at(-1);
    if (answer?.name !== "clipboard-data" || answer.data === null) return null;
    return new TextDecoder().decode(answer.data);
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("the user's clipboard and the guest's", () => {
  it("follows what the user has copied, when the user is there", async () => {
    const subject = Subject.attached();
    subject.content = text("mine");
    await subject.userIsHere();
    await subject.userIsHere();
    expect(subject.offers).toEqual(["UTF8_TEXT"]);
    expect(subject.guestPastes()).toBe("mine");
  });

  it("follows what is copied in the guest, and does not give it back", async () => {
    const subject = Subject.attached();
    await subject.guestCopies("theirs");
    expect(subject.content).toEqual(text("theirs"));
    expect(subject.copied).toEqual([text("theirs")]);
    await subject.userIsHere();
    expect(subject.offers).toEqual([]);
  });

  it("is written later when the browser does not allow it at once", async () => {
    const subject = Subject.attached();
    subject.mayWrite = false;
    await subject.guestCopies("theirs");
    expect([subject.sync.isUnwritten, subject.sync.guestText]).toEqual([true, "theirs"]);
    subject.mayWrite = true;
    await subject.userIsHere();
    expect(subject.content).toEqual(text("theirs"));
    expect(subject.sync.isUnwritten).toBe(false);
  });

  it("can be given by hand where the browser allows nothing", () => {
    const subject = Subject.attached();
    subject.mayRead = false;
    subject.sync.give("by hand");
    expect(subject.guestPastes()).toBe("by hand");
  });

  it("stays here when that direction is off, and is withdrawn when it is switched off", async () => {
    const subject = Subject.attached();
    subject.content = text("mine");
    await subject.userIsHere();
    subject.sync.toGuest = false;
    expect(subject.offers).toEqual(["UTF8_TEXT", ""]);
    expect(subject.guestPastes()).toBeNull();
    subject.content = text("more");
    await subject.userIsHere();
    expect(subject.offers).toHaveLength(2);
  });

  it("does not come from the guest when that direction is off", async () => {
    const subject = Subject.attached();
    subject.sync.fromGuest = false;
    await subject.guestCopies("theirs");
    expect(subject.commands).toEqual([]);
    expect([subject.content, subject.copied]).toEqual([null, []]);
  });

  it("gives nothing to the guest of somebody who only looks", async () => {
    const subject = Subject.attached();
    subject.sync.viewOnly = true;
    subject.content = text("mine");
    await subject.userIsHere();
    subject.sync.give("by hand");
    expect(subject.offers).toEqual([]);
  });

  it("can be files in the shared folder, as long as that direction is on", () => {
    const subject = Subject.attached();
    const list = bytes("copy\0/.spice-clipboard/1/a.txt\0");
    expect(subject.sync.giveFiles(list)).toBe(true);
    expect(subject.offers).toEqual(["FILE_LIST"]);
    const event = { selection: "CLIPBOARD", format: "FILE_LIST" } as const;
    subject.sync.event({ name: "clipboard-request", ...event });
    expect(subject.commands.at(-1)).toEqual({ name: "clipboard-data", ...event, data: list });
    subject.sync.toGuest = false;
    expect(subject.sync.giveFiles(list)).toBe(false);
  });

  it("tells which files were copied in the guest, beside their names as text", async () => {
    const subject = Subject.attached();
    const formats = ["UTF8_TEXT", "FILE_LIST"] as const;
    subject.sync.event({ name: "clipboard-offer", selection: "CLIPBOARD", formats });
    expect(subject.commands.map((command) => "format" in command && command.format)).toEqual(
      formats,
    );
    const about = { selection: "CLIPBOARD", format: "FILE_LIST", failure: null } as const;
    const data = bytes("copy\0/one.txt\0/two/three.txt\0");
    subject.sync.event({ name: "clipboard-data", ...about, data });
    await settled();
    expect(subject.files).toEqual([["/one.txt", "/two/three.txt"]]);
    expect(subject.content).toBeNull();
  });

  it("takes pictures of other formats as PNG", async () => {
    const subject = Subject.attached();
    const formats = ["IMAGE_TIFF", "IMAGE_BMP"] as const;
    subject.sync.event({ name: "clipboard-offer", selection: "CLIPBOARD", formats });
    expect(subject.commands.at(-1)).toMatchObject({ format: "IMAGE_BMP" });
    const about = { selection: "CLIPBOARD", format: "IMAGE_BMP", failure: null } as const;
    subject.sync.event({ name: "clipboard-data", ...about, data: bytes("12345") });
    await settled();
    expect(subject.content).toEqual({ text: null, png: bytes("image/bmp 5") });
  });

  it("tells the user of what did not get through, and how", () => {
    const subject = Subject.attached();
    const text = { selection: "CLIPBOARD", format: "UTF8_TEXT" } as const;
    subject.sync.event({ name: "clipboard-undelivered", ...text, failure: "agent-gone" });
    subject.sync.event({ name: "clipboard-undelivered", ...text, failure: "too-large" });
    subject.sync.event({ name: "clipboard-data", ...text, data: null, failure: "too-large" });
    subject.sync.event({ name: "clipboard-data", ...text, data: null, failure: "none" });
    expect(subject.troubles).toEqual(["interrupted", "tooLargeToGive", "tooLargeToTake"]);
  });

  it("is offered again in another session", async () => {
    const subject = Subject.attached();
    subject.content = text("mine");
    await subject.userIsHere();
    subject.sync.event({ name: "session", sessionId: 2, ramHint: 0 });
    subject.sync.event({ name: "agent", connected: true, capabilities: [], error: null });
    await settled();
    expect(subject.offers).toEqual(["UTF8_TEXT", "UTF8_TEXT"]);
  });
});

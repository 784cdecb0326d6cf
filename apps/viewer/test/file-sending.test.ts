import type { ClientEvent, PlainError } from "@caraway/browser";
import type { SessionCommand } from "@caraway/client";
import { describe, expect, it } from "vitest";
import { FileSending } from "../src/files/file-sending.ts";
import { sizeText } from "../src/files/transfer-list.ts";

class Client {
  readonly sent: number[] = [];
  readonly commands: SessionCommand[] = [];

  sendFile(transfer: number): void {
    this.sent.push(transfer);
  }

  command(command: SessionCommand): void {
    this.commands.push(command);
  }
}

function file(name: string): File {
  return new File(["content"], name);
}

function told(
  transfer: number,
  phase: "waiting" | "sending" | "done" | "failed",
  code: string | null = null,
): ClientEvent {
  const error: PlainError | null = code === null ? null : { code, message: code, hint: null };
  const counts = { sentBytes: 3, size: 7, restarts: 0 };
  return { name: "file", transfer, phase, ...counts, error } as ClientEvent;
}

function phases(sending: FileSending): string[] {
  return sending.transfers.map(({ name, phase }) => `${name} ${phase}`);
}

describe("files of the user", () => {
  it("are sent, with how far they are", () => {
    const sending = new FileSending(() => {});
    const client = new Client();
    sending.begin(client);
    sending.send([file("a"), file("b")]);
    expect(client.sent).toEqual([1, 2]);
    sending.event(told(1, "sending"));
    sending.event(told(2, "failed", "FILE_NO_SPACE"));
    expect(phases(sending)).toEqual(["a sending", "b failed"]);
    expect(sending.transfers[0]).toMatchObject({ sentBytes: 3, size: 7 });
    sending.event(told(1, "done"));
    sending.forget(1);
    expect(phases(sending)).toEqual(["b failed"]);
  });

  it("are sent again by the next session when the last one was lost", () => {
    const sending = new FileSending(() => {});
    sending.begin(new Client());
    sending.send([file("a"), file("b")]);
    sending.event(told(1, "done"));
    sending.event(told(2, "failed", "FILE_SESSION_ENDED"));
    expect(phases(sending)).toEqual(["a done", "b waiting"]);
    const next = new Client();
    sending.begin(next);
    expect(next.sent).toEqual([2]);
  });

  it("have failed when there will be no other session", () => {
    const sending = new FileSending(() => {});
    sending.begin(new Client());
    sending.send([file("a")]);
    sending.event(told(1, "failed", "FILE_SESSION_ENDED"));
    sending.end();
    expect(sending.transfers[0]).toMatchObject({
      phase: "failed",
      error: { code: "FILE_SESSION_ENDED" },
    });
  });

  it("are cancelled through the session, or at once when there is none", () => {
    const sending = new FileSending(() => {});
    const client = new Client();
    sending.send([file("a")]);
    sending.cancel(1);
    expect(phases(sending)).toEqual(["a failed"]);
    sending.begin(client);
    sending.send([file("b")]);
    sending.cancel(2);
    expect(client.commands).toEqual([{ name: "file-cancel", transfer: 2 }]);
  });

  it("are named by sizes that people read", () => {
    expect([0, 999, 1500, 20_000_000, 3.2e12].map(sizeText)).toEqual([
      "0 B",
      "999 B",
      "1.5 kB",
      "20 MB",
      "3.2 TB",
    ]);
  });
});

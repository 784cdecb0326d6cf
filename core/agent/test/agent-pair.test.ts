import {
  FileXferStatus,
  fileXferStatusErrorCodec,
  fileXferStatusNotEnoughSpaceCodec,
} from "@caraway/protocol";
import { describe, expect, it } from "vitest";
import { bytesOf, Pair, sha256 } from "./agent-pair.ts";

const text = { selection: "CLIPBOARD", format: "UTF8_TEXT" } as const;
const image = { selection: "CLIPBOARD", format: "IMAGE_PNG" } as const;

function ready(): Pair {
  const pair = new Pair();
  pair.begin();
  pair.run();
  return pair;
}

describe("a clipboard between client and guest", () => {
  it.each([text, image])("goes to the guest when it asks for it: %o", (want) => {
    const pair = ready();
    pair.clientContent = bytesOf(70_000).map((byte) => byte | 0x20);
    pair.client.command({ name: "clipboard-offer", ...want, formats: ["UTF8_TEXT", "IMAGE_PNG"] });
    pair.run();
    expect(pair.heardOf("clipboard-offer")).toEqual([
      { name: "clipboard-offer", selection: "CLIPBOARD", formats: ["UTF8_TEXT", "IMAGE_PNG"] },
    ]);
    expect(pair.toldOf("clipboard-request")).toEqual([]);
    pair.guest.request(want.selection, want.format);
    pair.run();
    const [answer] = pair.heardOf("clipboard-data");
    expect(answer).toMatchObject({ ...want, failure: null });
    expect(sha256(answer!.data!)).toBe(sha256(pair.clientContent));
  });

  it.each([text, image])("comes from the guest when the client asks for it: %o", (want) => {
    const pair = ready();
    pair.guestContent = bytesOf(70_000).map((byte) => byte | 0x20);
    pair.guest.offer(want.selection, [want.format]);
    pair.run();
    pair.client.command({ name: "clipboard-request", ...want });
    pair.client.command({ name: "clipboard-request", ...want });
    pair.run();
    const answers = pair.toldOf("clipboard-data");
    expect(answers).toHaveLength(1);
    expect(sha256(answers[0]!.data!)).toBe(sha256(pair.guestContent));
  });

  it("belongs to the client when both take it at the same moment, and goes on in step", () => {
    const pair = ready();
    pair.client.command({ name: "clipboard-offer", ...text, formats: ["UTF8_TEXT"] });
    pair.guest.offer("CLIPBOARD", ["IMAGE_PNG"]);
    pair.run();
    expect(pair.toldOf("clipboard-offer")).toEqual([]);
    expect(pair.heardOf("clipboard-offer")).toHaveLength(1);
    pair.guest.offer("CLIPBOARD", ["IMAGE_PNG"]);
    pair.run();
    expect(pair.toldOf("clipboard-offer")).toMatchObject([{ formats: ["IMAGE_PNG"] }]);
    pair.client.command({ name: "clipboard-offer", ...text, formats: ["UTF8_TEXT"] });
    pair.run();
    expect(pair.heardOf("clipboard-offer")).toHaveLength(2);
  });

  it("is not released when it is taken again, and is when there is nothing any more", () => {
    const pair = ready();
    const offer = (formats: readonly "UTF8_TEXT"[]) => {
      pair.client.command({ name: "clipboard-offer", selection: "PRIMARY", formats });
      pair.run();
    };
    offer(["UTF8_TEXT"]);
    offer(["UTF8_TEXT"]);
    expect(pair.heardOf("clipboard-offer").map(({ formats }) => formats.length)).toEqual([1, 1]);
    offer([]);
    expect(pair.heardOf("clipboard-offer").at(-1)).toEqual({
      name: "clipboard-offer",
      selection: "PRIMARY",
      formats: [],
    });
  });

  it("is empty when the other end has nothing after all", () => {
    const pair = ready();
    pair.guest.offer("CLIPBOARD", ["UTF8_TEXT"]);
    pair.run();
    pair.client.command({ name: "clipboard-request", ...text });
    pair.client.command({ name: "clipboard-request", ...image });
    pair.run();
    expect(pair.toldOf("clipboard-data")).toEqual([
      { name: "clipboard-data", ...image, data: null, failure: "none" },
      { name: "clipboard-data", ...text, data: null, failure: "none" },
    ]);
  });

  it("is refused when it is too large, in either direction, and the next one is not", () => {
    const pair = ready();
    const large = new Uint8Array((1 << 20) + 1).fill(65);
    pair.guestContent = pair.clientContent = large;
    pair.guest.offer("CLIPBOARD", ["IMAGE_PNG"]);
    pair.run();
    pair.client.command({ name: "clipboard-request", ...image });
    pair.run();
    expect(pair.toldOf("clipboard-data")[0]).toMatchObject({ data: null, failure: "none" });
    expect(pair.heardOf("clipboard-undelivered")).toMatchObject([{ failure: "too-large" }]);
    pair.client.command({ name: "clipboard-offer", ...text, formats: ["UTF8_TEXT"] });
    pair.run();
    pair.guest.request("CLIPBOARD", "UTF8_TEXT");
    pair.run();
    expect(pair.toldOf("clipboard-undelivered")).toMatchObject([{ failure: "too-large" }]);
    expect(pair.heardOf("clipboard-data")[0]).toMatchObject({ data: null });
    pair.clientContent = large.subarray(0, 10);
    pair.guest.request("CLIPBOARD", "UTF8_TEXT");
    pair.run();
    expect(pair.heardOf("clipboard-data")[1]!.data).toHaveLength(10);
  });

  it("is offered again to an agent that begins anew", () => {
    const pair = ready();
    pair.client.command({ name: "clipboard-offer", ...text, formats: ["UTF8_TEXT"] });
    pair.run();
    pair.begin();
    pair.run();
    expect(pair.heardOf("clipboard-offer").map(({ formats }) => formats.length)).toEqual([1, 0, 1]);
  });
});

describe("files to the guest", () => {
  it("arrive whole, several at once, with no more in memory than is about to leave", () => {
    const pair = ready();
    const files = [0, 1, 65_536, 65_537, 400_000].map((size, index) => bytesOf(size, index + 1));
    files.forEach((content, index) => {
      pair.send(index, `file ${index}.bin`, content);
    });
    pair.run();
    expect(pair.ends.sort()).toEqual(["0 done", "1 done", "2 done", "3 done", "4 done"]);
    const arrived = new Map(pair.files.map(({ fileName, sha256: hash }) => [fileName, hash]));
    files.forEach((content, index) => {
      expect(arrived.get(`file ${index}.bin`)).toBe(sha256(content));
    });
    expect(pair.mostRead).toBeLessThanOrEqual(3 << 16);
    const sent = pair.toldOf("file").filter(({ transfer }) => transfer === 4);
    expect(sent.map(({ sentBytes }) => sentBytes)).toEqual(
      sent.map(({ sentBytes }) => sentBytes).sort((a, b) => a - b),
    );
  });

  it.each(["a b.txt", " leading", "back\\slash", "line\nbreak\ttab", "Größe=1.txt", "[x].txt"])(
    "keep their name: %j",
    (name) => {
      const pair = ready();
      pair.send(1, name, bytesOf(3));
      pair.run();
      expect(pair.files[0]!.fileName).toBe(name);
    },
  );

  const ioError = fileXferStatusErrorCodec.encode({ errorType: 0, errorCode: 12 });
  const noSpace = fileXferStatusNotEnoughSpaceCodec.encode({ diskFreeSpace: 1234n });
  const nothing = new Uint8Array(0);

  it.each([
    ["CANCELLED", nothing, "FILE_CANCELLED_BY_GUEST", "cancelled"],
    ["ERROR", nothing, "FILE_GUEST_ERROR", "could not write"],
    ["ERROR", ioError, "FILE_GUEST_ERROR", "disk is full"],
    ["NOT_ENOUGH_SPACE", noSpace, "FILE_NO_SPACE", "1234 bytes are left"],
    ["NOT_ENOUGH_SPACE", nothing, "FILE_NO_SPACE", "no room"],
    ["SESSION_LOCKED", nothing, "FILE_SESSION_LOCKED", "locked"],
    ["VDAGENT_NOT_CONNECTED", nothing, "FILE_NO_SESSION", "logged in"],
    ["DISABLED", nothing, "FILE_DISABLED", "takes no files"],
  ] as const)("fail with the guest's reason: %s %o", (status, details, code, words) => {
    const pair = ready();
    pair.answer = FileXferStatus[status];
    pair.answerDetails = new Uint8Array(details);
    pair.send(1, "a", bytesOf(3));
    pair.run();
    const last = pair.toldOf("file").at(-1)!;
    expect(last.error).toMatchObject({ code });
    expect(last.error!.message).toContain(words);
  });

  it("stop when they are cancelled, and others go on", () => {
    const pair = ready();
    pair.send(1, "long", bytesOf(500_000));
    pair.send(2, "other", bytesOf(300_000, 7));
    pair.run(60);
    pair.client.command({ name: "file-cancel", transfer: 1 });
    pair.run();
    expect(pair.ends).toEqual(["1 FILE_CANCELLED", "2 done"]);
    expect(pair.files).toMatchObject([
      { fileName: "long", sha256: null },
      { fileName: "other", sha256: sha256(bytesOf(300_000, 7)) },
    ]);
  });

  it("fail alone when they cannot be read or become shorter", () => {
    const pair = ready();
    pair.send(1, "shorter", bytesOf(200_000));
    pair.content.set(1, bytesOf(100_000));
    pair.send(2, "other", bytesOf(200_000, 7));
    pair.run();
    expect(pair.ends.sort()).toEqual(["1 FILE_READ", "2 done"]);
  });

  it("wait for an agent, and begin again with another one", () => {
    const pair = new Pair();
    pair.send(1, "a", bytesOf(300_000));
    expect(pair.client.poll()).toMatchObject({ event: { phase: "waiting" } });
    pair.begin();
    pair.run(80);
    expect(pair.ends).toEqual([]);
    expect(pair.toldOf("file").at(-1)).toMatchObject({ phase: "sending", restarts: 0 });
    pair.begin();
    pair.run();
    expect(pair.ends).toEqual(["1 done"]);
    expect(pair.toldOf("file").at(-1)).toMatchObject({ restarts: 1, sentBytes: 300_000 });
    expect(pair.files).toEqual([
      { fileName: "a", size: 300_000, sha256: null },
      { fileName: "a", size: 300_000, sha256: sha256(bytesOf(300_000)) },
    ]);
  });

  it("end with the session", () => {
    const pair = ready();
    pair.send(1, "a", bytesOf(300_000));
    pair.run(20);
    pair.client.end();
    pair.run();
    expect(pair.ends).toEqual(["1 FILE_SESSION_ENDED"]);
  });

  it("are not done because a guest says so before it has all", () => {
    const pair = ready();
    pair.answer = FileXferStatus.SUCCESS;
    pair.send(1, "a", bytesOf(3));
    pair.run();
    expect(pair.ends).toEqual(["1 FILE_PROTOCOL"]);
  });
});

describe("a guest that moves", () => {
  /** Clipboards both ways and a file, with the guest moved where the byte `at` reaches it. */
  function exchange(at: number | null): Pair {
    const pair = new Pair();
    if (at !== null) pair.cut = { at, onCut: () => pair.moveGuest() };
    pair.begin();
    pair.run();
    pair.clientContent = bytesOf(40);
    pair.guestContent = bytesOf(50, 3);
    pair.client.command({ name: "clipboard-offer", ...image, formats: ["IMAGE_PNG"] });
    pair.run();
    pair.guest.request("CLIPBOARD", "IMAGE_PNG");
    pair.run();
    pair.guest.offer("PRIMARY", ["UTF8_TEXT"]);
    pair.run();
    pair.client.command({ name: "clipboard-request", selection: "PRIMARY", format: "UTF8_TEXT" });
    pair.send(1, "a", bytesOf(60, 5));
    const monitors = [{ width: 800, height: 600, x: 0, y: 0 }];
    pair.client.command({ name: "monitors", monitors });
    pair.run();
    return pair;
  }

  const expected = exchange(null);

  it("at any byte that reaches it has heard, said and received the same", () => {
    expect(expected.files[0]!.sha256).toBe(sha256(bytesOf(60, 5)));
    expect(expected.bytesToGuest).toBeGreaterThan(400);
    for (let at = 0; at <= expected.bytesToGuest; at++) {
      const pair = exchange(at);
      expect(pair.cut, `moved at ${at}`).toBeNull();
      expect(pair.heard, `moved at ${at}`).toEqual(expected.heard);
      expect(pair.told, `moved at ${at}`).toEqual(expected.told);
      expect(pair.files, `moved at ${at}`).toEqual(expected.files);
    }
  });
});

describe("a guest that is about to move in a mode that loses what is on its way", () => {
  it("gets the end of a file's piece, and the next one when it stays after all", () => {
    const pair = ready();
    pair.send(1, "a", bytesOf(300_000));
    pair.run(10);
    pair.client.holdFiles(true);
    pair.run();
    const sent = () => pair.toldOf("file").at(-1)!.sentBytes;
    const held = sent();
    expect(held).toBe(65_504);
    pair.client.command({ name: "clipboard-offer", ...text, formats: ["UTF8_TEXT"] });
    pair.run();
    expect(pair.heardOf("clipboard-offer")).toHaveLength(1);
    expect(sent()).toBe(held);
    pair.client.holdFiles(false);
    pair.run();
    expect(pair.ends).toEqual(["1 done"]);
  });
});

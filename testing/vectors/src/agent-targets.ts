// Fuzz targets of the agent: both ends, busy with clipboards and files, hear damaged messages of
// the other one.

import {
  AgentClient,
  AgentGuest,
  type AgentMessage,
  agentBytes,
  encodeFileStart,
} from "@caraway/agent";
import { AgentCapability, capabilityWords } from "@caraway/protocol";
import type { FuzzTarget, FuzzVerdict } from "./fuzz-target.ts";

const context: ReadonlySet<string> = new Set(["CLIPBOARD_SELECTION", "CLIPBOARD_GRAB_SERIAL"]);
const clipboardSizeMax = 1 << 16;

const announce: AgentMessage = {
  name: "ANNOUNCE_CAPABILITIES",
  body: {
    request: 1,
    caps: capabilityWords(
      Object.values(AgentCapability).filter((bit) => bit !== AgentCapability.FILE_XFER_DISABLED),
    ),
  },
};
const selection = { selection: 0, reserved: new Uint8Array(3) };
const clipboard: readonly AgentMessage[] = [
  { name: "CLIPBOARD_GRAB", body: { selection, serial: 0, types: [1, 2, 6] } },
  { name: "CLIPBOARD_REQUEST", body: { selection, type: 1 } },
  { name: "CLIPBOARD", body: { selection, type: 1, data: new Uint8Array(200).fill(65) } },
  { name: "CLIPBOARD_RELEASE", body: { selection } },
];
const statuses = [0, 3, 2, 4].map((result): AgentMessage => {
  const body = { id: 1, result, details: Uint8Array.of(0, 12, 0, 0, 0, 0, 0, 0) };
  return { name: "FILE_XFER_STATUS", body };
});
const files: readonly AgentMessage[] = [
  {
    name: "FILE_XFER_START",
    body: { id: 7, data: encodeFileStart({ name: "a\\b c", size: 300 }) },
  },
  { name: "FILE_XFER_DATA", body: { id: 7, size: 200n, data: new Uint8Array(200) } },
  { name: "FILE_XFER_DATA", body: { id: 7, size: 100n, data: new Uint8Array(100) } },
];
const wishes: readonly AgentMessage[] = [
  {
    name: "MONITORS_CONFIG",
    body: {
      flags: 3,
      monitors: [{ height: 600, width: 800, depth: 32, x: 0, y: 0 }],
      sizes: [{ height: 200, width: 300 }],
    },
  },
  { name: "DISPLAY_CONFIG", body: { flags: 15, depth: 16 } },
  { name: "AUDIO_VOLUME_SYNC", body: { isPlayback: 1, mute: 0, volume: [1, 2] } },
  { name: "MOUSE_STATE", body: { x: 1, y: 2, buttons: 2, displayId: 0 } },
  { name: "CLIENT_DISCONNECTED", body: {} },
];

/** One stream of messages. */
function seed(...messages: readonly AgentMessage[]): Uint8Array {
  const parts = messages.map((message) => agentBytes(message, context));
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function hearAsClient(bytes: Uint8Array): FuzzVerdict {
  const client = new AgentClient(clipboardSizeMax);
  client.command({ name: "clipboard-offer", selection: "CLIPBOARD", formats: ["UTF8_TEXT"] });
  client.command({ name: "file-send", transfer: 1, fileName: "a", size: 100_000 });
  client.attach(1000);
  let verdict: FuzzVerdict = "taken";
  for (let at = 0; at < bytes.length; at += 61) {
    client.data(bytes.subarray(at, at + 61));
    for (let output = client.poll(); output !== null; output = client.poll()) {
      if (output.type === "read") {
        const { read, size } = output;
        const piece = new Uint8Array(size);
        client.command({ name: "file-data", read, bytes: piece, detail: "" });
      } else if (output.type === "event") {
        const { event } = output;
        if (event.name === "agent" && event.error !== null) verdict = "refused";
        if (event.name === "clipboard-request") {
          client.command({ ...event, name: "clipboard-data", data: new Uint8Array(100) });
        } else if (event.name === "clipboard-offer" && event.formats[0] !== undefined) {
          const { selection: from, formats } = event;
          client.command({ name: "clipboard-request", selection: from, format: formats[0]! });
        }
      }
    }
  }
  return verdict;
}

function hearAsGuest(bytes: Uint8Array): FuzzVerdict {
  const guest = new AgentGuest(clipboardSizeMax);
  guest.offer("CLIPBOARD", ["UTF8_TEXT"]);
  guest.begin();
  let verdict: FuzzVerdict = "taken";
  // Damage to the chunks is in the bytes themselves.
  for (let at = 0; at < bytes.length; at += 61) {
    guest.data(bytes.subarray(at, at + 61));
    for (let output = guest.poll(); output !== null; output = guest.poll()) {
      if (output.type !== "event") continue;
      const { event } = output;
      if (event.name === "protocol-error") verdict = "refused";
      else if (event.name === "file-start") guest.acceptFile(event.id);
      else if (event.name === "file-end" && event.isComplete) guest.finishFile(event.id);
      else if (event.name === "clipboard-request") {
        guest.provide(event.selection, event.format, new Uint8Array(100));
      }
    }
  }
  const copy = new AgentGuest(clipboardSizeMax);
  copy.restore(guest.state());
  return verdict;
}

/** As a server writes it to the agent's port. */
function chunked(stream: Uint8Array): Uint8Array {
  const parts: number[] = [];
  for (let at = 0; at < stream.length; at += 100) {
    const part = stream.subarray(at, at + 100);
    parts.push(1, 0, 0, 0, part.length, 0, 0, 0, ...part);
  }
  return Uint8Array.from(parts);
}

const memoryBound = (size: number): number => 64 * size + (1 << 20);

export const agentTargets: readonly FuzzTarget[] = [
  {
    name: "agent: a client hears its guest",
    seeds: [seed(announce, ...clipboard), seed(announce, ...statuses)],
    run: hearAsClient,
    weight: 40,
    memoryBound,
  },
  {
    name: "agent: a guest hears its client",
    seeds: [seed(announce, ...clipboard), seed(announce, ...files), seed(announce, ...wishes)].map(
      chunked,
    ),
    run: hearAsGuest,
    weight: 40,
    memoryBound,
  },
];

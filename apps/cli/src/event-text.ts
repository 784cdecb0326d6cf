// What a session tells, in words for a person and as data for a script.

import type { SessionEvent } from "@caraway/client";
import type { PictureEvent, SharedFolderEvent } from "@caraway/node";

/** Told many times a second, or meant for a device. */
const rawEvents: ReadonlySet<SessionEvent["name"]> = new Set([
  "playback-data",
  "agent-message",
  "stream-data",
  "stream-card",
  "stream-sent",
]);

/** `event` first, then the fields as they are. Pixels and raw messages stay out. */
export function eventData(event: SessionEvent): object | null {
  if (rawEvents.has(event.name)) return null;
  if (event.name === "cursor") {
    const { shape, channelId } = event;
    if (shape === null) return { event: "cursor", channelId, shape: null };
    const { data, ...rest } = shape;
    return { event: "cursor", channelId, shape: { ...rest, dataSize: data.length } };
  }
  if (event.name === "clipboard-data") {
    const { name, data, ...rest } = event;
    return { event: name, ...rest, dataSize: data?.length ?? null };
  }
  const { name, ...fields } = event;
  return { event: name, ...fields };
}

export function pictureData(event: PictureEvent): object | null {
  if (event.type === "damage") return null;
  const { type, ...fields } = event;
  return { event: type, ...fields };
}

/** One line, or null for what a person need not know. */
export function eventText(event: SessionEvent): string | null {
  switch (event.name) {
    case "channel-linked":
      return `${event.channel} ${event.id}: linked${event.tls ? " over TLS" : ""}`;
    case "channel-lost":
      return `${event.channel} ${event.id}: lost: ${event.error.message}`;
    case "vm":
      return event.vmName === null ? null : `VM ${event.vmName}`;
    case "mouse-mode":
      return `mouse mode ${event.mode}`;
    case "agent":
      return event.connected ? "the guest's agent is there" : "the guest's agent is gone";
    case "notify":
      return `the server says: ${event.message}`;
    case "input-dropped":
      return `${event.count} keys or clicks were dropped while the desktop moved`;
    case "clipboard-offer":
      return event.formats.length === 0
        ? null
        : `the guest copied ${event.formats.join(", ")} (${event.selection.toLowerCase()})`;
    case "clipboard-undelivered":
      return `the guest did not get the clipboard's content: ${event.failure}`;
    case "file":
      return fileText(event);
    case "migration":
      return migrationText(event);
    default:
      return null;
  }
}

function fileText(event: Extract<SessionEvent, { name: "file" }>): string | null {
  const { transfer, phase, restarts, error } = event;
  switch (phase) {
    case "waiting":
      return restarts === 0 ? null : `file ${transfer}: the guest's agent is gone; beginning again`;
    case "sending":
      return null;
    case "done":
      return `file ${transfer}: the guest has it`;
    case "failed":
      return `file ${transfer}: failed: ${error?.message}`;
  }
}

function migrationText(event: Extract<SessionEvent, { name: "migration" }>): string | null {
  switch (event.phase) {
    case "begin":
      return `the VM is about to move to ${event.target}: linking (${event.mode})`;
    case "link-failed":
      return `link of ${event.channel} ${event.id} to the target failed: ${event.error.message}`;
    case "ready":
      return event.missing.length === 0
        ? `ready to move (${event.mode})`
        : `ready to move (${event.mode}), without ${event.missing.join(", ")}`;
    case "not-ready":
      return `no link to the target: ${event.error.message}`;
    case "switching":
      return `the VM has moved: switching (${event.mode})`;
    case "done":
      return `moved (${event.mode}) in ${Math.round(event.switchMs)} ms`;
    case "cancelled":
      return "the move was called off";
    case "failed":
      return `the move failed: ${event.error.message}${event.reconnecting ? "; connecting anew" : ""}`;
    case "channel":
    case "input-window":
      return null;
  }
}

export function pictureText(event: PictureEvent): string | null {
  switch (event.type) {
    case "surface-create":
      return event.isPrimary ? `display ${event.display}: ${event.width}x${event.height}` : null;
    case "monitors":
      return `display ${event.display}: ${event.heads.length} monitor(s)`;
    default:
      return null;
  }
}

export function folderData(event: SharedFolderEvent): object {
  if (event.type === "guest") return { event: "folder", connected: event.connected };
  return { event: "folder-request", ...event.request };
}

/** A person is told what was refused, not what was read. */
export function folderText(event: SharedFolderEvent): string | null {
  if (event.type === "guest") {
    return event.connected ? "the guest can use the shared folder" : "the guest left the folder";
  }
  const { method, target, status, detail } = event.request;
  if (detail === null || status === 404) return null;
  return `shared folder: refused ${method} ${target}: ${detail}`;
}

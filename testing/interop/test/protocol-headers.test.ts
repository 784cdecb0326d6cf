// Every constant of the protocol's public headers (Debian's libspice-protocol-dev) is held against
// ours, in both directions: enums, flags, capabilities and the ids of messages.

import { readFileSync } from "node:fs";
import * as protocol from "@caraway/protocol";
import type { AnyMessageSchema } from "@caraway/wire";
import { beforeAll, describe, expect, test } from "vitest";
import { ensurePackages } from "../src/packages.ts";

const folder = "/usr/include/spice-1/spice";
const headers = ["enums.h", "protocol.h", "vd_agent.h", "stream-device.h"];

type Constants = Readonly<Record<string, number>>;

/** Enumerators and numeric macros of all headers. */
let fromHeaders: ReadonlyMap<string, number>;

beforeAll(async () => {
  await ensurePackages(["libspice-protocol-dev"]);
  const text = headers.map((name) => readFileSync(`${folder}/${name}`, "utf8")).join("\n");
  fromHeaders = parseConstants(text);
});

function parseConstants(source: string): ReadonlyMap<string, number> {
  const text = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  const found = new Map<string, number>();
  for (const [, body] of text.matchAll(/enum\s*\w*\s*\{([^}]*)\}/g)) {
    let next = 0;
    for (const line of body!.split(",")) {
      const entry = /^\s*(\w+)(?:\s+SPICE_GNUC_DEPRECATED)?\s*(?:=\s*(.+?))?\s*$/.exec(line);
      if (entry === null) continue;
      const [, name, value] = entry;
      const number = value === undefined ? next : parseNumber(value);
      found.set(name!, number);
      next = number + 1;
    }
  }
  for (const [, name, value] of text.matchAll(/^#define (\w+) +(\d+|\(1 << \d+\))\s*$/gm)) {
    found.set(name!, parseNumber(value!));
  }
  return found;
}

function parseNumber(text: string): number {
  const shift = /^\(?(\d+) << (\d+)\)?$/.exec(text);
  const number = shift === null ? Number(text) : Number(shift[1]) * 2 ** Number(shift[2]);
  if (Number.isNaN(number)) throw new Error(`cannot read the number ${text}`);
  return number;
}

function idsOf(messages: readonly AnyMessageSchema[], common: readonly AnyMessageSchema[]) {
  const own = messages.filter((message) => !common.includes(message));
  return Object.fromEntries(own.map(({ name, id }) => [name, id]));
}

const { baseServer, baseClient } = protocol;
const channelIds = (channel: protocol.AnyChannelSchema, name: string): [string, Constants][] => [
  [`SPICE_MSG_${name}_`, idsOf(channel.server, baseServer)],
  [`SPICE_MSGC_${name}_`, idsOf(channel.client, baseClient)],
];
const vmc = (messages: readonly AnyMessageSchema[]) => messages.filter(({ id }) => id < 201);
const portOnly = (messages: readonly AnyMessageSchema[]) => messages.filter(({ id }) => id >= 201);

/** A prefix of the headers' names, and our constants whose names follow it. */
const tables: readonly (readonly [prefix: string, ours: Constants])[] = [
  ["SPICE_LINK_ERR_", protocol.LinkError],
  ["SPICE_CHANNEL_", protocol.ChannelType],
  ["SPICE_MIGRATE_", protocol.MigrateFlag],
  ["SPICE_COMPOSITE_", protocol.CompositeFlag],
  ["SPICE_NOTIFY_SEVERITY_", protocol.NotifySeverity],
  ["SPICE_NOTIFY_VISIBILITY_", protocol.NotifyVisibility],
  ["SPICE_MOUSE_MODE_", protocol.MouseMode],
  ["SPICE_DATA_COMPRESSION_TYPE_", protocol.DataCompressionType],
  ["SPICE_CLIP_TYPE_", protocol.ClipType],
  ["SPICE_PATH_", protocol.PathFlag],
  ["SPICE_VIDEO_CODEC_TYPE_", protocol.VideoCodecType],
  ["SPICE_STREAM_FLAGS_", protocol.StreamFlag],
  ["SPICE_BRUSH_TYPE_", protocol.BrushType],
  ["SPICE_MASK_FLAGS_", protocol.MaskFlag],
  ["SPICE_IMAGE_TYPE_", protocol.ImageType],
  ["SPICE_IMAGE_COMPRESSION_", protocol.ImageCompression],
  ["SPICE_IMAGE_FLAGS_", protocol.ImageFlag],
  ["SPICE_BITMAP_FMT_", protocol.BitmapFormat],
  ["SPICE_BITMAP_FLAGS_", protocol.BitmapFlag],
  ["SPICE_JPEG_ALPHA_FLAGS_", protocol.JpegAlphaFlag],
  ["SPICE_IMAGE_SCALE_MODE_", protocol.ScaleMode],
  ["SPICE_ROPD_", protocol.RopDescriptor],
  ["SPICE_LINE_FLAGS_", protocol.LineFlag],
  ["SPICE_STRING_FLAGS_", protocol.StringFlag],
  ["SPICE_SURFACE_FLAGS_", protocol.SurfaceFlag],
  ["SPICE_SURFACE_FMT_", protocol.SurfaceFormat],
  ["SPICE_ALPHA_FLAGS_", protocol.AlphaFlag],
  ["SPICE_RES_TYPE_", protocol.ResourceType],
  ["SPICE_GL_SCANOUT_FLAGS_", protocol.GlScanoutFlag],
  ["SPICE_KEYBOARD_MODIFIER_FLAGS_", protocol.KeyboardModifier],
  ["SPICE_MOUSE_BUTTON_", protocol.MouseButton],
  ["SPICE_MOUSE_BUTTON_MASK_", protocol.MouseButtonMask],
  ["SPICE_CURSOR_TYPE_", protocol.CursorType],
  ["SPICE_CURSOR_FLAGS_", protocol.CursorFlag],
  ["SPICE_AUDIO_DATA_MODE_", protocol.AudioDataMode],
  ["SPICE_AUDIO_FMT_", protocol.AudioFormat],
  ["SPICE_VSC_MESSAGE_TYPE_", protocol.VscMessageType],
  ["SPICE_PORT_EVENT_", protocol.PortEvent],
  // Capabilities carry their C names.
  ["", protocol.CommonCapability],
  ["", protocol.MainCapability],
  ["", protocol.DisplayCapability],
  ["", protocol.InputsCapability],
  ["", protocol.PlaybackCapability],
  ["", protocol.RecordCapability],
  ["", protocol.SpicevmcCapability],
  ["SPICE_MSG_", idsOf(baseServer, [])],
  ["SPICE_MSGC_", idsOf(baseClient, [])],
  ...channelIds(protocol.Main, "MAIN"),
  ...channelIds(protocol.Display, "DISPLAY"),
  ...channelIds(protocol.Inputs, "INPUTS"),
  ...channelIds(protocol.Cursor, "CURSOR"),
  ...channelIds(protocol.Playback, "PLAYBACK"),
  ...channelIds(protocol.Record, "RECORD"),
  ...channelIds(protocol.Smartcard, "SMARTCARD"),
  ...channelIds(protocol.Usbredir, "SPICEVMC"),
  ["SPICE_MSG_SPICEVMC_", idsOf(vmc(protocol.Port.server), baseServer)],
  ["SPICE_MSGC_SPICEVMC_", idsOf(vmc(protocol.Webdav.client), baseClient)],
  ["SPICE_MSG_PORT_", idsOf(portOnly(protocol.Port.server), baseServer)],
  ["SPICE_MSGC_PORT_", idsOf(portOnly(protocol.Port.client), baseClient)],
  ["SPICE_MSG_PORT_", idsOf(portOnly(protocol.Webdav.server), baseServer)],
  ["SPICE_MSGC_PORT_", idsOf(portOnly(protocol.Webdav.client), baseClient)],
  ["VD_AGENT_", idsOf(protocol.agentMessages, [])],
  ["VD_AGENT_", protocol.AgentReplyError],
  ["VD_AGENT_", suffixed(protocol.AgentMouseButtonMask, "_MASK")],
  ["VD_AGENT_CAP_", protocol.AgentCapability],
  ["VD_AGENT_CLIPBOARD_", protocol.ClipboardType],
  ["VD_AGENT_CLIPBOARD_SELECTION_", protocol.ClipboardSelection],
  ["VD_AGENT_FILE_XFER_STATUS_", protocol.FileXferStatus],
  ["VD_AGENT_FILE_XFER_STATUS_ERROR_", protocol.FileXferErrorType],
  ["VD_AGENT_CONFIG_MONITORS_FLAG_", protocol.MonitorsConfigFlag],
  ["VD_AGENT_DISPLAY_CONFIG_FLAG_", protocol.DisplayConfigFlag],
  ["VDP_", suffixed(protocol.VdiPort, "_PORT")],
  ["STREAM_TYPE_", idsOf(protocol.streamDeviceMessages, [])],
  ["STREAM_CAP_", protocol.StreamDeviceCapability],
  [
    "",
    {
      SPICE_VERSION_MAJOR: protocol.protocolMajor,
      SPICE_VERSION_MINOR: protocol.protocolMinor,
      SPICE_MAX_PASSWORD_LENGTH: protocol.passwordSizeMax,
      SPICE_MAX_NUM_STREAMS: protocol.streamsMax,
      SPICE_INPUT_MOTION_ACK_BUNCH: protocol.inputMotionAckBunch,
      VD_AGENT_PROTOCOL: protocol.agentProtocol,
      VD_AGENT_MAX_DATA_SIZE: protocol.agentDataSizeMax,
      STREAM_DEVICE_PROTOCOL: protocol.streamDeviceProtocol,
    },
  ],
];

/** Names of the headers that we have no use for, and why. */
const undeclared: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/_ENUM_END$|_END_|_END$|_BASE_LAST$/, "marks the end of an enum, is never sent"],
  [/^SPICE_\w+_MASK$/, "all bits of a flags field"],
  [/^(SPICE|STREAM)_\w+_INVALID$/, "is refused by its field, or is no value of an open one"],
  [/^SPICE_IMAGE_TYPE_RESERVED$/, "is refused: no payload is known"],
  [/^SPICE_(WARN|INFO)_GENERAL$/, "is 0, the only code of a notification"],
  [/^SPICE_COMPOSITE_(OP|SRC|MASK)_?(FILTER|FITLER|REPEAT)?\d$/, "bits of numbers, not flags"],
  [/^SPICE_MSGC_SMARTCARD_(?!DATA)/, "other names of DATA"],
  [/^SPICE_TICKET_KEY_PAIR_LENGTH$/, "in bits; ticketSize says it in bytes"],
  [/^STREAM_MSG_\w+_MAX_\w+$/, "limits of spice-server"],
];

function suffixed(constants: Constants, suffix: string): Constants {
  return Object.fromEntries(Object.entries(constants).map(([k, v]) => [`${k}${suffix}`, v]));
}

/** Names of enumerators are compared without case and underscores: `ReaderAdd` is READER_ADD. */
const plain = (name: string) => name.toUpperCase().replaceAll("_", "");

test("the headers are the ones that we know how to read", () => {
  expect(fromHeaders.size).toBeGreaterThan(400);
  expect(fromHeaders.get("SPICE_MSG_DISPLAY_DRAW_FILL")).toBe(302);
  expect(fromHeaders.get("SPICE_COMPOSITE_DEST_OPAQUE")).toBe(1 << 24);
  expect(fromHeaders.get("SPICE_SURFACE_FMT_32_xRGB")).toBe(32);
});

describe("every constant of ours has the headers' value", () => {
  test.each(tables.map(([prefix, ours]) => [prefix || Object.keys(ours)[0]!, prefix, ours]))(
    "%s",
    (_, prefix, ours) => {
      const theirs = new Map([...fromHeaders].map(([name, value]) => [plain(name), value]));
      const entries = Object.entries(ours);
      for (const [name, value] of entries) {
        expect([name, theirs.get(plain(`${prefix}${name}`))]).toEqual([name, value]);
      }
    },
  );
});

test("every constant of the headers is ours, or is left out for a reason", () => {
  const ours = new Set(
    tables.flatMap(([prefix, table]) => Object.keys(table).map((name) => plain(prefix + name))),
  );
  const missing = [...fromHeaders.keys()].filter(
    (name) => !ours.has(plain(name)) && !undeclared.some(([pattern]) => pattern.test(name)),
  );
  expect(missing).toEqual([]);
});

test("every reason for leaving a constant out is still needed", () => {
  const names = [...fromHeaders.keys()];
  const unused = undeclared.filter(([pattern]) => !names.some((name) => pattern.test(name)));
  expect(unused).toEqual([]);
});

test("closed and open enums of messages are tested tables", () => {
  const tested = new Set<unknown>(tables.map(([, table]) => table));
  const tables_ = Object.entries(protocol).filter(
    ([name, value]) => /^[A-Z]/.test(name) && isConstants(value) && !tested.has(value),
  );
  // Ports and masks are tested under names with a suffix, migration data stands in no header, and
  // what only our own servers say to each other stands in nobody else's.
  const peerLink = [
    ...["CachedImageFlag", "CursorStateFlag", "DisplayStateFlag", "GlzPixelKind", "PeerInput"],
    ...["PeerMode", "PeerPolicy", "PeerProof", "StreamStateFlag"],
  ];
  const elsewhere = ["AgentMouseButtonMask", "AuthMechanism", "MigrationMagic", "VdiPort"];
  expect(tables_.map(([name]) => name).sort()).toEqual([...elsewhere, ...peerLink].sort());
});

function isConstants(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).every((each) => typeof each === "number");
}

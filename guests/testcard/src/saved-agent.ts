// The testcard's agent as bytes, and back. What comes from a network is taken only when an agent
// could be in such a state.

import { type ClipboardFormat, clipboardFormats, clipboardSelections } from "@caraway/agent";
import {
  bytes,
  count,
  decodeFields,
  encodeFields,
  list,
  type StructValue,
  sizeOf,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
} from "@caraway/wire";
import {
  type AgentProgramState,
  agentFilesMax,
  agentInputMax,
  type Copied,
  type Mixer,
  mixerChannelsMax,
} from "./agent-program.ts";
import { check } from "./saved-checks.ts";

const stages = ["offered", "receiving", "complete"] as const;
const copiedFormats = ["UTF8_TEXT", "IMAGE_PNG"] as const;

const SavedFormats = struct("SavedFormats", {
  formatCount: count(u8, "formats"),
  formats: list(u8, { count: "formatCount" }),
});
const SavedWant = struct("SavedWant", { selection: u8, format: u8 });
const SavedReader = struct("SavedReader", {
  keptSize: count(u32, "kept"),
  kept: bytes({ count: "keptSize" }),
  skipLeft: u32,
  skipSize: u32,
});
const SavedFile = struct("SavedFile", {
  id: u32,
  size: u64,
  received: u64,
  stage: u8,
  nameSize: count(u32, "name"),
  name: text({ count: "nameSize" }, false),
  wordCount: count(u8, "words"),
  words: list(u32, { count: "wordCount" }),
  restSize: count(u8, "rest"),
  rest: bytes({ count: "restSize" }),
});
const SavedArrival = struct("SavedArrival", {
  size: u64,
  nameSize: count(u32, "name"),
  name: text({ count: "nameSize" }, false),
  sumSize: count(u8, "sha256"),
  sha256: text({ count: "sumSize" }, false),
});

const SavedAgent = struct("SavedAgent", {
  isRunning: u8,
  chunkHeaderSize: count(u8, "chunkHeader"),
  chunkHeader: bytes({ count: "chunkHeaderSize" }),
  chunkPort: u32,
  chunkLeft: u32,
  fromClient: SavedReader,
  fromServer: SavedReader,
  /** 1: the client announced its capabilities. */
  hasCapabilities: u8,
  capabilityCount: count(u8, "capabilities"),
  capabilities: list(u32, { count: "capabilityCount" }),
  oursCount: count(u8, "ours"),
  ours: list(SavedFormats, { count: "oursCount" }),
  theirsCount: count(u8, "theirs"),
  theirs: list(SavedFormats, { count: "theirsCount" }),
  serialCount: count(u8, "serials"),
  serials: list(u32, { count: "serialCount" }),
  askedCount: count(u8, "asked"),
  asked: list(SavedWant, { count: "askedCount" }),
  wantedCount: count(u8, "wanted"),
  wanted: list(SavedWant, { count: "wantedCount" }),
  fileCount: count(u8, "files"),
  files: list(SavedFile, { count: "fileCount" }),
  arrivedCount: count(u8, "arrived"),
  arrived: list(SavedArrival, { count: "arrivedCount" }),
  outputSize: count(u32, "output"),
  output: bytes({ count: "outputSize" }),
  inputSize: count(u32, "input"),
  input: bytes({ count: "inputSize" }),
  /** Of what was copied: 0 nothing, 1 text, 2 a picture. */
  copiedFormat: u8,
  copiedSize: count(u32, "copied"),
  copied: bytes({ count: "copiedSize" }),
  /** 0: no client has set the volume; 1: one has; 2: to silence. */
  mixer: u8,
  volumeCount: count(u8, "volume"),
  volume: list(u16, { count: "volumeCount" }),
});
type SavedValue = StructValue<(typeof SavedAgent)["fields"]>;

export function saveAgent(state: AgentProgramState): Uint8Array {
  const { guest, copied } = state;
  const { chunk, clipboard } = guest;
  const names = (formats: readonly ClipboardFormat[]) => {
    return { formats: formats.map((format) => clipboardFormats.indexOf(format)) };
  };
  const want = ({ selection, format }: (typeof clipboard.asked)[number]) => ({
    selection: clipboardSelections.indexOf(selection),
    format: clipboardFormats.indexOf(format),
  });
  return encodeFields(SavedAgent, {
    isRunning: state.isRunning ? 1 : 0,
    chunkHeader: chunk.header,
    chunkPort: chunk.port,
    chunkLeft: chunk.left,
    fromClient: guest.fromClient,
    fromServer: guest.fromServer,
    hasCapabilities: guest.capabilities === null ? 0 : 1,
    capabilities: guest.capabilities ?? [],
    ours: clipboard.ours.map(names),
    theirs: clipboard.theirs.map(names),
    serials: clipboard.serials,
    asked: clipboard.asked.map(want),
    wanted: clipboard.wanted.map(want),
    files: state.underWay.map(({ id, name, size, sum: { words, rest } }) => {
      const { received, stage } = guest.files.find((file) => file.id === id)!;
      return {
        ...{ id, name, words, rest, size: BigInt(size), received: BigInt(received) },
        stage: stages.indexOf(stage),
      };
    }),
    arrived: state.arrived.map((file) => ({ ...file, size: BigInt(file.size) })),
    output: state.output,
    input: state.input,
    copiedFormat: copied === null ? 0 : copiedFormats.indexOf(copied.format) + 1,
    copied: copied?.data ?? new Uint8Array(0),
    mixer: state.mixer === null ? 0 : state.mixer.mute ? 2 : 1,
    volume: state.mixer?.volume ?? [],
  });
}

/** @throws CarawayError when the bytes are not a state that `saveAgent` writes. */
export function loadAgent(saved: Uint8Array): AgentProgramState {
  const value = decodeFields(SavedAgent, saved);
  check(sizeOf(SavedAgent, value) === saved.length, "bytes follow it");
  check(value.isRunning <= 1 && value.hasCapabilities <= 1, "a flag is neither set nor clear");
  check(value.capabilities.length <= 8, "it has too many capabilities");
  check(value.chunkHeader.length < 8, "its chunk's header is too long");
  check(value.chunkPort === 1 || value.chunkPort === 2, "its chunk has no port");
  check(value.input.length <= agentInputMax, "too much waits for it");
  for (const { skipLeft, skipSize } of [value.fromClient, value.fromServer]) {
    check(skipLeft <= skipSize, "it passes over too much");
  }
  return {
    isRunning: value.isRunning === 1,
    guest: {
      chunk: { header: value.chunkHeader, port: value.chunkPort, left: value.chunkLeft },
      fromClient: value.fromClient,
      fromServer: value.fromServer,
      capabilities: value.hasCapabilities === 1 ? value.capabilities : null,
      clipboard: loadClipboard(value),
      files: value.files.map(({ id, size, received, stage }) => {
        return { id, size: Number(size), received: Number(received), stage: loadStage(stage) };
      }),
    },
    output: value.output,
    input: value.input,
    copied: loadCopied(value),
    mixer: loadMixer(value),
    underWay: loadFiles(value),
    arrived: value.arrived.map((file) => ({ ...file, size: Number(file.size) })),
  };
}

function loadClipboard(value: SavedValue): AgentProgramState["guest"]["clipboard"] {
  const { ours, theirs, serials, asked, wanted } = value;
  const count = clipboardSelections.length;
  const isWhole = ours.length === count && theirs.length === count && serials.length === count;
  check(isWhole, "its clipboards are others");
  const want = ({ selection, format }: { selection: number; format: number }) => {
    const name = clipboardSelections[selection];
    check(name !== undefined, "there is no such clipboard");
    return { selection: name, format: loadFormat(format) };
  };
  return {
    ours: ours.map(({ formats }) => formats.map(loadFormat)),
    theirs: theirs.map(({ formats }) => formats.map(loadFormat)),
    serials,
    asked: asked.map(want),
    wanted: wanted.map(want),
  };
}

function loadFiles({ files, arrived }: SavedValue): AgentProgramState["underWay"] {
  check(files.length <= agentFilesMax && arrived.length <= agentFilesMax, "it has too many files");
  check(new Set(files.map(({ id }) => id)).size === files.length, "two files have one number");
  return files.map(({ id, name, size, received, words, rest }) => {
    const [whole, length] = [Number(size), Number(received)];
    check(Number.isSafeInteger(whole) && length <= whole, "a file is longer than it is");
    check(words.length === 8 && rest.length === length % 64, "a file's sum is wrong");
    return { id, name, size: whole, sum: { words, rest, length } };
  });
}

function loadMixer({ mixer, volume }: SavedValue): Mixer | null {
  check(mixer <= 2 && volume.length <= mixerChannelsMax, "it has no such volume");
  return mixer === 0 ? null : { volume, mute: mixer === 2 };
}

function loadCopied({ copiedFormat, copied }: SavedValue): Copied | null {
  if (copiedFormat === 0) return null;
  const format = copiedFormats[copiedFormat - 1];
  check(format !== undefined, "it copied what it cannot");
  return { format, data: copied };
}

function loadFormat(index: number): ClipboardFormat {
  const format = clipboardFormats[index];
  check(format !== undefined, "there is no such format");
  return format;
}

function loadStage(index: number): (typeof stages)[number] {
  const stage = stages[index];
  check(stage !== undefined, "a file is nowhere");
  return stage;
}

// `caraway connect`: a session without a window, which tells what happens.

import { setTimeout as delay } from "node:timers/promises";
import {
  type ChannelName,
  defaultSessionOptions,
  type MigrationMode,
  migrationModes,
  type SessionEvent,
} from "@caraway/client";
import { type ClientStream, typing } from "@caraway/driver";
import {
  type FileCardOptions,
  type FileDriveOptions,
  openFileCard,
  openFileDrive,
  openSharedFolder,
  type PictureEvent,
  readWav,
  type SharedFolder,
  type SharedFolderEvent,
  type SmartcardEvent,
  SmartcardReader,
  SmartcardReaders,
  type SpiceClient,
  type UsbDeviceEvent,
  UsbDevices,
  WavWriter,
  wavSource,
} from "@caraway/node";
import { type Command, Option } from "commander";
import { parseCount, parseSmartcard, parseUsb } from "./argument-values.ts";
import {
  addConnectionOptions,
  type ConnectionFlags,
  readConnection,
} from "./connection-arguments.ts";
import {
  eventData,
  eventText,
  folderData,
  folderText,
  pictureData,
  pictureText,
} from "./event-text.ts";
import { addGuestOptions, type GuestFlags, guestCommands } from "./guest-wishes.ts";
import { jsonLine } from "./json-lines.ts";
import { waitForPicture } from "./picture-wait.ts";
import { writePng } from "./png.ts";
import { runSession } from "./session-run.ts";

interface ConnectFlags extends ConnectionFlags, GuestFlags {
  readonly json: boolean;
  readonly duration?: number;
  readonly type?: string;
  readonly screenshot?: string;
  readonly play?: string;
  readonly record?: string;
  readonly usb?: readonly FileDriveOptions[];
  readonly smartcard?: FileCardOptions;
  readonly share?: string;
  readonly shareReadOnly: boolean;
  readonly migration: MigrationMode;
}

/** Between two key events: as a quick typist, and slow enough for any guest. */
const keyIntervalMs = 20;
/** Longest wait for the inputs channel before typing. */
const readyWithinMs = 20_000;

export function addConnectCommand(program: Command): void {
  const command = program
    .command("connect")
    .description("hold a session without a window and tell what happens")
    .argument(
      "<target>",
      "spice://host:port, spice+tls://, spice+unix://, ws://, wss:// or a .vv file",
    )
    .option("--json", "one JSON object a line on standard output", false)
    .option(
      "--duration <s>",
      "end after so many seconds (default: when the server or Ctrl-C does)",
      parseCount,
    )
    .option("--type <text>", "type this text, as on a US keyboard")
    .option("--screenshot <file>", "write the picture at the end to a PNG file")
    .option("--play <file>", "write what the guest plays to a WAV file")
    .option("--record <file>", "let the guest hear a WAV file of 16 bits")
    .option(
      "--usb <device>",
      "plug in a stick, file=IMAGE[,readonly], or a CD drive, cd=ISO; may be repeated",
      parseUsb,
    )
    .option(
      "--smartcard <card>",
      "insert a PIV card made of files, cert=FILE,key=FILE[,slot=9a][,pin=123456][,puk=DIGITS]",
      parseSmartcard,
    )
    .option("--share <folder>", "share this folder with the guest's spice-webdavd")
    .option("--share-read-only", "let the guest read the shared folder only", false)
    .addOption(
      new Option("--migration <mode>", "best way to announce of going along when the VM moves")
        .choices(migrationModes)
        .default("seamless"),
    );
  addConnectionOptions(addGuestOptions(command)).action(connect);
}

async function connect(target: string, flags: ConnectFlags): Promise<void> {
  const connection = await readConnection(target, flags);
  const keys = typing(flags.type ?? "");
  const linked = new Set<ChannelName>();
  const tell = flags.json ? tellJson : tellPerson;
  const writer = flags.play === undefined ? null : new WavWriter(flags.play);
  const heard = flags.record === undefined ? null : wavSource(readWav(flags.record));
  const drives = await plugDrives(flags.usb ?? [], tell);
  const readers = await insertCard(flags.smartcard, tell);
  const folder = await shareFolder(flags, tell);
  const { channels } = defaultSessionOptions;
  const watcher = {
    session: {
      migration: flags.migration,
      channels: [
        ...channels,
        ...(drives.devices.length > 0 ? (["usbredir"] as const) : []),
        ...(readers.readers.length > 0 ? (["smartcard"] as const) : []),
        ...(folder !== null ? (["webdav"] as const) : []),
      ],
    },
    onStream(stream: ClientStream): void {
      drives.offer(stream);
      readers.offer(stream);
      folder?.offer(stream);
    },
    sound: { ...(writer && { playback: writer }), ...(heard && { record: heard }) },
    onEvent(event: SessionEvent): void {
      if (event.name === "channel-linked") linked.add(event.channel);
      tell(eventData(event), eventText(event));
    },
    onPicture(event: PictureEvent): void {
      tell(pictureData(event), pictureText(event));
    },
  };
  try {
    await runSession(connection, watcher, async (client, interrupted) => {
      const started = performance.now();
      for (const wish of guestCommands(flags, connection.viewer)) client.command(wish);
      if (keys.length > 0) await typeKeys(client, keys, () => linked.has("inputs"), interrupted);
      const left =
        (flags.duration ?? Number.POSITIVE_INFINITY) * 1000 - (performance.now() - started);
      await rest(left, interrupted);
      if (flags.screenshot !== undefined) await takeScreenshot(client, flags.screenshot);
    });
  } finally {
    writer?.close();
    await drives.close();
    await readers.close();
    await folder?.close();
  }
}

async function plugDrives(
  wanted: readonly FileDriveOptions[],
  tell: (data: object | null, text: string | null) => void,
): Promise<UsbDevices> {
  const drives = wanted.map((options) => {
    return openFileDrive(options, (event) => tell(driveData(options, event), null));
  });
  return new UsbDevices(await Promise.all(drives));
}

async function shareFolder(
  { share, shareReadOnly: readOnly }: ConnectFlags,
  tell: (data: object | null, text: string | null) => void,
): Promise<SharedFolder | null> {
  if (share === undefined) return null;
  const onEvent = (event: SharedFolderEvent) => tell(folderData(event), folderText(event));
  return await openSharedFolder({ folder: share, readOnly, onEvent });
}

async function insertCard(
  options: FileCardOptions | undefined,
  tell: (data: object | null, text: string | null) => void,
): Promise<SmartcardReaders> {
  if (options === undefined) return new SmartcardReaders([]);
  const card = await openFileCard(options);
  const onEvent = (event: SmartcardEvent) => tell(cardData(event), null);
  return new SmartcardReaders([new SmartcardReader("Caraway", card, onEvent)]);
}

function cardData(event: SmartcardEvent): object {
  if (!("error" in event)) return { event: "smartcard", ...event };
  return { event: "smartcard", type: event.type, message: (event.error as Error).message };
}

/** For `--json`; a person sees the guest's own. */
function driveData({ file }: FileDriveOptions, event: UsbDeviceEvent): object {
  if (!("error" in event)) return { event: "usb", file, ...event };
  const { message } = event.error as Error;
  return { event: "usb", file, type: event.type, message };
}

async function typeKeys(
  client: SpiceClient,
  keys: ReturnType<typeof typing>,
  ready: () => boolean,
  interrupted: AbortSignal,
): Promise<void> {
  for (let waited = 0; !ready(); waited += keyIntervalMs) {
    if (interrupted.aborted) return;
    if (waited > readyWithinMs) throw new Error("the server offers no inputs channel to type on");
    await delay(keyIntervalMs);
  }
  for (const { scancode, down } of keys) {
    if (interrupted.aborted) return;
    client.command({ name: "input", input: { kind: down ? "key-down" : "key-up", scancode } });
    await delay(keyIntervalMs);
  }
}

/** Waits so long, or for ever, or until Ctrl-C. */
async function rest(durationMs: number, interrupted: AbortSignal): Promise<void> {
  const sliceMs = 24 * 3600 * 1000;
  for (let left = durationMs; left > 0 && !interrupted.aborted; left -= sliceMs) {
    await delay(Math.min(left, sliceMs), undefined, { signal: interrupted }).catch(() => {});
  }
}

async function takeScreenshot(client: SpiceClient, file: string): Promise<void> {
  const picture = await waitForPicture(client, 0, 10_000);
  if (picture === null) throw new Error("there is no picture to write");
  await writePng(file, picture);
}

function tellJson(data: object | null): void {
  if (data !== null) process.stdout.write(`${jsonLine(data)}\n`);
}

function tellPerson(_data: object | null, text: string | null): void {
  if (text !== null) process.stdout.write(`${text}\n`);
}

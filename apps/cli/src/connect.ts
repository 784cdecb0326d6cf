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
  openSharedFolder,
  type PictureEvent,
  readWav,
  type SharedFolder,
  type SharedFolderEvent,
  type SpiceClient,
  type UsbHid,
  WavWriter,
  wavSource,
} from "@caraway/node";
import { type Command, Option } from "commander";
import { parseCount } from "./argument-values.ts";
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
import { openSmartcards, parseSmartcard, type SmartcardChoice } from "./smartcards.ts";
import { addUsbOptions, rulesOfFile, type UsbFlags, UsbOfSession } from "./usb-devices.ts";

interface ConnectFlags extends ConnectionFlags, GuestFlags, UsbFlags {
  readonly json: boolean;
  readonly duration?: number;
  readonly type?: string;
  readonly screenshot?: string;
  readonly play?: string;
  readonly record?: string;
  readonly smartcard?: SmartcardChoice;
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
      "--smartcard <card>",
      "insert a PIV card made of files, cert=FILE,key=FILE[,slot=9a][,pin=123456][,puk=DIGITS], or " +
        "what is in a reader of this machine, pcsc[=NAME]",
      parseSmartcard,
    )
    .option("--share <folder>", "share this folder with the guest's spice-webdavd")
    .option("--share-read-only", "let the guest read the shared folder only", false)
    .addOption(
      new Option("--migration <mode>", "best way to announce of going along when the VM moves")
        .choices(migrationModes)
        .default("seamless"),
    );
  addConnectionOptions(addGuestOptions(addUsbOptions(command))).action(connect);
}

async function connect(target: string, flags: ConnectFlags): Promise<void> {
  const connection = await readConnection(target, flags);
  const keys = typing(flags.type ?? "");
  const linked = new Set<ChannelName>();
  const tell = flags.json ? tellJson : tellPerson;
  const writer = flags.play === undefined ? null : new WavWriter(flags.play);
  const heard = flags.record === undefined ? null : wavSource(readWav(flags.record));
  const usb = await UsbOfSession.open(rulesOfFile(flags, connection.viewer), (data) => {
    tell(data, null);
  });
  const cards = await openSmartcards(flags.smartcard, (data) => tell(data, null));
  const folder = await shareFolder(flags, tell);
  const { channels } = defaultSessionOptions;
  const watcher = {
    session: {
      migration: flags.migration,
      channels: [
        ...channels,
        ...(usb.isWanted ? (["usbredir"] as const) : []),
        ...(cards.readers.readers.length > 0 ? (["smartcard"] as const) : []),
        ...(folder !== null ? (["webdav"] as const) : []),
      ],
    },
    onStream(stream: ClientStream): void {
      usb.devices.offer(stream);
      cards.readers.offer(stream);
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
      if (keys.length > 0) {
        const { keyboard } = usb;
        const ready = () => (keyboard === null ? linked.has("inputs") : keyboard.isPlugged);
        await typeKeys(client, keyboard, keys, ready, interrupted);
      }
      const left =
        (flags.duration ?? Number.POSITIVE_INFINITY) * 1000 - (performance.now() - started);
      await rest(left, interrupted);
      if (flags.screenshot !== undefined) await takeScreenshot(client, flags.screenshot);
    });
  } finally {
    writer?.close();
    await usb.close();
    await cards.close();
    await folder?.close();
  }
}

async function shareFolder(
  { share, shareReadOnly: readOnly }: ConnectFlags,
  tell: (data: object | null, text: string | null) => void,
): Promise<SharedFolder | null> {
  if (share === undefined) return null;
  const onEvent = (event: SharedFolderEvent) => tell(folderData(event), folderText(event));
  return await openSharedFolder({ folder: share, readOnly, onEvent });
}

async function typeKeys(
  client: SpiceClient,
  keyboard: UsbHid | null,
  keys: ReturnType<typeof typing>,
  ready: () => boolean,
  interrupted: AbortSignal,
): Promise<void> {
  for (let waited = 0; !ready(); waited += keyIntervalMs) {
    if (interrupted.aborted) return;
    if (waited > readyWithinMs) throw new Error("the server offers nothing to type on");
    await delay(keyIntervalMs);
  }
  for (const { scancode, down } of keys) {
    if (interrupted.aborted) return;
    if (keyboard !== null) keyboard.key(scancode, down);
    else client.command({ name: "input", input: { kind: down ? "key-down" : "key-up", scancode } });
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

// A program: clients of a gateway, as browsers are, but with as little work of their own as can be.
// `bulk URL spice|raw down|up BYTES` moves bytes over one connection; `idle URL SESSIONS CHANNELS`
// opens connections. The token of a gateway stands in the URL. Both say `ready` when they are done,
// and stay until their input ends.

import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { LinkClient } from "@caraway/channel";
import { ChannelType, CommonCapability, capabilityWords } from "@caraway/protocol";
import { type Order, writeOrder } from "./order.ts";

const common = capabilityWords([
  CommonCapability.SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION,
  CommonCapability.SPICE_COMMON_CAP_AUTH_SPICE,
  CommonCapability.SPICE_COMMON_CAP_MINI_HEADER,
]);
const uploadFrame = 64 << 10;
const parallelSessions = 16;

/** The masks are not zero, so that whoever unmasks has all its work. */
const mask = Buffer.from([0x5a, 0x11, 0xc3, 0x7e]);

function frame(payload: Uint8Array): Buffer {
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.from([0x82, 0x80 | length])
      : length < 65536
        ? Buffer.from([0x82, 0xfe, length >> 8, length & 255])
        : Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255]);
  const masked = Buffer.from(payload.map((byte, at) => byte ^ mask[at & 3]!));
  return Buffer.concat([head, mask, masked]);
}

interface Open {
  readonly socket: Socket;
  /** Payload bytes so far, of small messages. */
  take(size: number): Promise<Buffer>;
}

/** A WebSocket that has been accepted; nothing but its frames follows. */
async function open(url: URL): Promise<Open> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("closed")));
  const request = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: binary",
  ];
  socket.write(`${request.join("\r\n")}\r\n\r\n`);
  let pending = Buffer.alloc(0);
  let payload = Buffer.alloc(0);
  let wake: () => void = () => {};
  let isUpgraded = false;
  socket.on("data", (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes]);
    if (!isUpgraded) {
      const end = pending.indexOf("\r\n\r\n");
      if (end < 0) return;
      if (!pending.subarray(0, 12).includes("101")) fail(new Error(String(pending)));
      isUpgraded = true;
      pending = pending.subarray(end + 4);
    }
    for (;;) {
      const part = shiftFrame();
      if (part === null) break;
      payload = Buffer.concat([payload, part]);
    }
    wake();
  });
  function shiftFrame(): Buffer | null {
    if (pending.length < 2) return null;
    const short = pending[1]! & 127;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (pending.length < head) return null;
    const size =
      short < 126 ? short : short === 126 ? pending.readUInt16BE(2) : pending.readUInt32BE(6);
    if (pending.length < head + size) return null;
    const found = pending.subarray(head, head + size);
    pending = pending.subarray(head + size);
    return found;
  }
  const next = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  // What is sent earlier gets lost in websockify.
  while (!isUpgraded) await next();
  return {
    socket,
    async take(size) {
      while (payload.length < size) await next();
      const found = payload.subarray(0, size);
      payload = payload.subarray(size);
      return found;
    },
  };
}

/** Links a channel by hand; gives the connection. */
async function openChannel(url: URL, channelType: number, connectionId: number): Promise<Open> {
  const opened = await open(url);
  const link = new LinkClient({
    connection: 1,
    connectionId,
    channelType,
    channelId: 0,
    commonCapabilities: common,
    channelCapabilities: [],
  });
  link.connected();
  for (;;) {
    const output = link.poll();
    if (output === null) link.received(await opened.take(1));
    else if (output.type === "transmit") opened.socket.write(frame(output.bytes));
    else if (output.type === "task") {
      link.done({ kind: "ticket", ticket: new Uint8Array(128) });
    } else if (output.type === "failed") fail(output.failure);
    else return opened;
  }
}

interface Session {
  readonly url: URL;
  readonly connectionId: number;
}

/** Redeems the token, and opens the main channel of a session of its own. */
async function openSession(gateway: URL): Promise<Session> {
  const body = JSON.stringify({ token: gateway.searchParams.get("token") });
  const response = await fetch(new URL("/session", gateway.href.replace(/^ws/, "http")), {
    method: "POST",
    body,
  });
  const { session } = (await response.json()) as { session: string };
  const url = new URL(`/spice?session=${session}`, gateway);
  const main = await openChannel(url, ChannelType.MAIN, 0);
  const init = await main.take(6 + 32);
  return { url, connectionId: init.readUInt32LE(6) };
}

function openDisplay({ url, connectionId }: Session): Promise<Open> {
  return openChannel(url, ChannelType.DISPLAY, connectionId);
}

async function bulk(url: URL, isSpice: boolean, order: Order): Promise<void> {
  const { socket } = isSpice ? await openDisplay(await openSession(url)) : await open(url);
  const done = order.direction === "down" ? order.bytes : 1;
  let got = 0;
  socket.removeAllListeners("data");
  const finished = new Promise<void>((resolve) => {
    // Headers of frames are counted with the bytes: a few too many of them do not matter.
    socket.on("data", (bytes: Buffer) => {
      got += bytes.length;
      if (got >= done) resolve();
    });
  });
  socket.resume();
  socket.write(frame(writeOrder(order)));
  if (order.direction === "up") upload(socket, order.bytes);
  await finished;
}

function upload(socket: Socket, bytes: number): void {
  const whole = frame(new Uint8Array(uploadFrame).fill(9));
  let left = bytes;
  const go = (): void => {
    while (left > 0) {
      left -= uploadFrame;
      if (!socket.write(whole)) {
        socket.once("drain", go);
        return;
      }
    }
  };
  go();
}

async function idle(url: URL, sessions: number, channels: number): Promise<void> {
  let left = sessions;
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const session = await openSession(url);
      for (let channel = 1; channel < channels; channel++) await openDisplay(session);
    }
  };
  await Promise.all(Array.from({ length: parallelSessions }, work));
}

function fail(error: unknown): void {
  if (isReady) return;
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

let isReady = false;
const [task, address = "", ...rest] = process.argv.slice(2);
const url = new URL(address);
if (task === "bulk") {
  const [kind, direction, bytes] = rest;
  await bulk(url, kind === "spice", {
    direction: direction === "down" ? "down" : "up",
    bytes: Number(bytes),
  });
} else await idle(url, Number(rest[0]), Number(rest[1]));
isReady = true;
process.stdout.write("ready\n");
process.stdin.resume();
process.stdin.once("end", () => process.exit(0));

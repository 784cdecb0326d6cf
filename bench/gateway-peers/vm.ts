// A program: stands for a VM's server behind a gateway. With `spice` it links as spice-server does,
// with `raw` it does not. Then a client says what it wants: bytes, or somebody who takes bytes.

import { generateKeyPairSync } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { LinkServer } from "@caraway/channel";
import { ChannelType, mainCodec, miniDataHeaderCodec } from "@caraway/protocol";
import { type Order, orderSize, readOrder, sayPort } from "./order.ts";

const isSpice = process.argv[2] === "spice";
const key = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
const publicKey = new Uint8Array(key.export({ type: "spki", format: "der" }));
const block = Buffer.alloc(256 << 10, 7);

const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => {});
  if (isSpice) link(socket);
  else obey(socket);
});
server.listen(0, "127.0.0.1", 8192, () => sayPort(server));

function link(socket: Socket): void {
  const half = new LinkServer(1, {
    usesSasl: false,
    admit: () => ({ kind: "admit", channelCapabilities: [] }),
    judge: () => ({ kind: "accept" }),
  });
  const onData = (bytes: Buffer): void => {
    half.received(bytes);
    for (let output = half.poll(); output !== null; output = half.poll()) {
      if (output.type === "transmit") socket.write(output.bytes);
      else if (output.type === "failed") socket.destroy();
      else if (output.type === "task") {
        if (output.work.kind === "key") half.done({ kind: "key", publicKey });
        else half.done({ kind: "decrypt", plain: new Uint8Array(0) });
      } else {
        socket.off("data", onData);
        const { request } = output.link;
        if (request.channelType === ChannelType.MAIN) begin(socket, ++sessions);
        obey(socket);
      }
    }
  };
  socket.on("data", onData);
}

let sessions = 0;

function begin(socket: Socket, sessionId: number): void {
  const body = {
    sessionId,
    displayChannelsHint: 1,
    supportedMouseModes: 3,
    currentMouseMode: 1,
    agentConnected: 0,
    agentTokens: 10,
    multiMediaTime: 5,
    ramHint: 0,
  };
  const message = mainCodec.server.encode({ name: "INIT", body });
  const { length: size } = message.body;
  socket.write(miniDataHeaderCodec.encode({ type: message.id, size }));
  socket.write(message.body);
}

function obey(socket: Socket): void {
  let order: Order | null = null;
  let head = Buffer.alloc(0);
  let taken = 0;
  socket.on("data", (bytes: Buffer) => {
    if (order === null) {
      head = Buffer.concat([head, bytes]);
      if (head.length < orderSize) return;
      order = readOrder(head);
      if (order.direction === "down") blast(socket, order.bytes);
      taken = head.length - orderSize;
    } else taken += bytes.length;
    if (order.direction === "up" && taken >= order.bytes) socket.write("k");
  });
}

function blast(socket: Socket, bytes: number): void {
  let left = bytes;
  const go = (): void => {
    while (left > 0) {
      const size = Math.min(left, block.length);
      left -= size;
      if (!socket.write(block.subarray(0, size))) {
        socket.once("drain", go);
        return;
      }
    }
  };
  go();
}

// A server that links as spice-server does, with a password, and then sends back what it gets. Its
// main channel begins a session, and names targets when it is told to.

import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type LinkRequest, LinkServer } from "@caraway/channel";
import { ChannelType, LinkError, mainCodec, miniDataHeaderCodec } from "@caraway/protocol";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
const der = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));

export type MainMessage = Parameters<typeof mainCodec.server.encode>[0];

export function mainFrame(message: MainMessage): Uint8Array {
  const { id: type, body } = mainCodec.server.encode(message);
  return Uint8Array.from([...miniDataHeaderCodec.encode({ type, size: body.length }), ...body]);
}

export class EchoVm implements AsyncDisposable {
  readonly password: string;
  readonly requests: LinkRequest[] = [];
  readonly sockets = new Set<Socket>();
  readonly mains: Socket[] = [];
  readonly #server: Server;

  constructor(password: string) {
    this.password = password;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(password = "vm secret"): Promise<EchoVm> {
    const vm = new EchoVm(password);
    vm.#server.listen(0, "127.0.0.1");
    await once(vm.#server, "listening");
    return vm;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Says something on every main channel. */
  say(message: MainMessage): void {
    for (const socket of this.mains) socket.write(mainFrame(message));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.sockets.delete(socket));
    let isLinked = false;
    const link = new LinkServer(1, {
      usesSasl: false,
      admit: (request) => {
        this.requests.push(request);
        return { kind: "admit", channelCapabilities: [] };
      },
      judge: (_request, proof) => {
        const given = proof.kind === "password" ? Buffer.from(proof.password).toString() : "";
        const error = LinkError.PERMISSION_DENIED;
        return given === this.password
          ? { kind: "accept" }
          : { kind: "refuse", error, detail: "wrong password" };
      },
    });
    socket.on("data", (bytes) => {
      if (isLinked) {
        socket.write(bytes);
        return;
      }
      link.received(bytes);
      for (let output = link.poll(); output !== null; output = link.poll()) {
        if (output.type === "transmit") socket.write(output.bytes);
        else if (output.type === "failed") socket.end();
        else if (output.type === "linked") {
          isLinked = true;
          if (output.link.request.channelType === ChannelType.MAIN) this.#begin(socket);
        } else if (output.work.kind === "key") link.done({ kind: "key", publicKey: der });
        else if (output.work.kind === "decrypt") {
          const padding = constants.RSA_PKCS1_OAEP_PADDING;
          const key = { key: privateKey, padding, oaepHash: "sha1" };
          link.done({ kind: "decrypt", plain: privateDecrypt(key, output.work.ticket) });
        }
      }
    });
  }

  #begin(socket: Socket): void {
    this.mains.push(socket);
    const body = {
      sessionId: 4711,
      displayChannelsHint: 1,
      supportedMouseModes: 3,
      currentMouseMode: 1,
      agentConnected: 0,
      agentTokens: 10,
      multiMediaTime: 5,
      ramHint: 0,
    };
    socket.write(mainFrame({ name: "INIT", body }));
  }
}

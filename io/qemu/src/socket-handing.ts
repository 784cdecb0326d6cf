// What Node cannot do with sockets by itself, done by koffi (calls of libc) where it is installed:
// pairs, one end of which is handed to another process, and what the other end has not read yet.

import type { Socket } from "node:net";
import { CarawayError } from "@caraway/wire";

export class SocketHandingError extends CarawayError {
  readonly code = "SOCKET_HANDING";
}

export interface SocketHanding {
  /** Two connected unix sockets as file descriptors. */
  pair(): readonly [number, number];
  /** Sends bytes, and with them a copy of `fd`, past what Node may have queued: drain it before. */
  send(socket: Socket, bytes: Uint8Array, fd: number): void;
  close(fd: number): void;
  /** Whether the other end has not read all that the system has taken from us. */
  hasUnread(socket: Socket): boolean;
  /** What has come and Node has not read; null when there is nothing. */
  receive(socket: Socket): Uint8Array | null;
}

const unixFamily = 1;
const streamType = 1;
const closeOnExec = 0x80000;
const socketLevel = 1;
const rightsType = 1;
const noSignal = 0x4000;
const dontWait = 0x40;
const outputQueue = 0x5411;
const receiveMax = 64 << 10;

/** @throws SocketHandingError where koffi is not installed, or the system is not Linux. */
export async function openSocketHanding(): Promise<SocketHanding> {
  if (process.platform !== "linux")
    throw new SocketHandingError("sockets are handed on Linux only");
  const koffi = await import("koffi").catch(() => {
    throw new SocketHandingError("the package koffi is not installed: npm install koffi");
  });
  const libc = koffi.default.load("libc.so.6");
  const iovec = koffi.default.struct({ base: "uint8_t *", length: "size_t" });
  const header = koffi.default.struct({
    name: "void *",
    nameLength: "uint32_t",
    vectors: koffi.default.pointer(iovec),
    vectorCount: "size_t",
    control: "uint8_t *",
    controlLength: "size_t",
    flags: "int",
  });
  const socketpair = libc.func("socketpair", "int", ["int", "int", "int", "_Out_ int *"]);
  const sendmsg = libc.func("sendmsg", "int64_t", ["int", koffi.default.pointer(header), "int"]);
  const close = libc.func("close", "int", ["int"]);
  const ioctl = libc.func("ioctl", "int", ["int", "unsigned long", "_Out_ int *"]);
  const recv = libc.func("recv", "int64_t", ["int", "uint8_t *", "size_t", "int"]);
  return {
    pair() {
      const ends = [0, 0];
      if (socketpair(unixFamily, streamType | closeOnExec, 0, ends) !== 0) {
        throw new SocketHandingError("there is no pair of sockets to be had");
      }
      return [ends[0]!, ends[1]!];
    },
    send(socket, bytes, fd) {
      const to = fdOf(socket);
      // cmsghdr of one descriptor: length, level, type, and the number, on a 64-bit system.
      const control = Buffer.alloc(24);
      control.writeBigUInt64LE(20n, 0);
      control.writeInt32LE(socketLevel, 8);
      control.writeInt32LE(rightsType, 12);
      control.writeInt32LE(fd, 16);
      const message = {
        name: null,
        nameLength: 0,
        vectors: [{ base: Buffer.from(bytes), length: bytes.length }],
        vectorCount: 1,
        control,
        controlLength: control.length,
        flags: 0,
      };
      const sent = Number(sendmsg(to, message, noSignal));
      if (sent !== bytes.length)
        throw new SocketHandingError("the socket did not take the message");
    },
    close(fd) {
      close(fd);
    },
    hasUnread(socket) {
      const size = [0];
      if (ioctl(fdOf(socket), outputQueue, size) !== 0) {
        throw new SocketHandingError("the system does not say what was read");
      }
      return size[0] !== 0;
    },
    receive(socket) {
      const buffer = Buffer.alloc(receiveMax);
      const size = Number(recv(fdOf(socket), buffer, receiveMax, dontWait));
      return size > 0 ? new Uint8Array(buffer.subarray(0, size)) : null;
    },
  };
}

/** Node shows a socket's descriptor nowhere else. */
function fdOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle: { fd?: number } | null };
  if (handle?.fd === undefined || handle.fd < 0)
    throw new SocketHandingError("the socket is closed");
  return handle.fd;
}

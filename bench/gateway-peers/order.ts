// What a client of the bench says to the server behind the gateway, and how programs of the bench
// tell their port.

import type { AddressInfo, Server } from "node:net";

export interface Order {
  readonly direction: "down" | "up";
  readonly bytes: number;
}

export const orderSize = 9;

export function writeOrder({ direction, bytes }: Order): Buffer {
  const order = Buffer.alloc(orderSize);
  order[0] = direction === "down" ? 68 : 85;
  order.writeBigUInt64LE(BigInt(bytes), 1);
  return order;
}

export function readOrder(bytes: Buffer): Order {
  return {
    direction: bytes[0] === 68 ? "down" : "up",
    bytes: Number(bytes.readBigUInt64LE(1)),
  };
}

export function sayPort(server: Server): void {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
}

// The thread of a `MemoryCarrier`: carries what QEMU says to the other host, and back.

import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { attachSocket } from "@caraway/node";
import { joinStreams } from "./join-streams.ts";
import type { FromCarrier, MemoryCarrierOptions } from "./memory-carrier.ts";
import { dialPeer } from "./peer-network.ts";
import { securityOf } from "./peer-security.ts";

const { to, material, greeting, path } = workerData as MemoryCarrierOptions;
const say = (message: FromCarrier): void => parentPort?.postMessage(message);

dialPeer(
  to,
  securityOf(material),
  (stream) => {
    stream.write(greeting);
    rmSync(path, { force: true });
    const server = createServer((socket) => {
      server.close();
      joinStreams(attachSocket(socket, "QEMU"), stream);
      say({ type: "connected" });
    });
    server.once("error", (error) => {
      stream.destroy();
      say({ type: "failed", detail: error.message });
    });
    server.listen(path, () => say({ type: "listening" }));
  },
  (detail) => say({ type: "failed", detail }),
);

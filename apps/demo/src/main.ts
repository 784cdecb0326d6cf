// `npm start [-- --vm URI] [-- --port N]`: the demo, until a signal ends it.

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Demo } from "./demo.ts";

const usage = `npm start                         a guest on two hosts, to be moved between them
npm start -- --vm spice://HOST:PORT   your own VM; a password may stand behind: "spice://… password=…"
npm start -- --port 8080          where the page is (default: any port that is free)
`;

async function main(): Promise<number> {
  let flags: { readonly vm?: string; readonly port?: string; readonly help?: boolean };
  try {
    flags = parseArgs({
      options: {
        vm: { type: "string" },
        port: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    return 2;
  }
  if (flags.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const port = Number(flags.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    process.stderr.write(`--port ${flags.port}: not a port\n`);
    return 2;
  }
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  const demo = await Demo.start({
    web: fileURLToPath(new URL("../bundle", import.meta.url)),
    port,
    vm: flags.vm ?? null,
    onTrouble: (text) => process.stderr.write(`${text}\n`),
  });
  process.stdout.write(`\n  The desktop is at ${demo.address}\n  Ctrl+C ends it.\n\n`);
  await ended;
  await demo.close();
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  },
);

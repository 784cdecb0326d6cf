// The clients that people have on their desktops, on a screen of X: spicy, the example of spice-gtk, and remote-viewer.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeOwnedDirectory, removeOwnedDirectory } from "./ownership.ts";
import { ensurePackages } from "./packages.ts";
import type { SpiceAddress } from "./vm.ts";
import type { XProgram, XScreen } from "./x-screen.ts";

export const xClientNames = ["spicy", "remote-viewer"] as const;
export type XClientName = (typeof xClientNames)[number];

export interface XClientOptions {
  /** What the server will show. Default 640 by 480. */
  readonly size?: { readonly width: number; readonly height: number };
  readonly password?: string;
  /** The authority's certificate. */
  readonly ca?: string;
  /** Channels that go over TLS, as spice-gtk names them. */
  readonly secureChannels?: readonly string[];
  /** As spice-gtk writes it: `auto-glz`. */
  readonly preferredCompression?: string;
}

/** Starts the client in a window that is as large as what it shows. */
export async function startXClient(
  screen: XScreen,
  client: XClientName,
  { host, port, tlsPort }: SpiceAddress,
  options: XClientOptions = {},
): Promise<XProgram> {
  await ensurePackages(["spice-client-gtk", "virt-viewer"]);
  const { password, ca, preferredCompression } = options;
  const directory = makeOwnedDirectory("x-client");
  const file = (name: string, text: string) => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const common = ["--spice-disable-audio"];
  if (preferredCompression !== undefined) {
    common.push(`--spice-preferred-compression=${preferredCompression}`);
  }
  let programArguments: string[];
  if (client === "spicy") {
    programArguments = ["-h", host, ...common];
    if (port !== 0) programArguments.push("-p", `${port}`);
    if (tlsPort !== 0) programArguments.push("-s", `${tlsPort}`);
    if (password !== undefined) programArguments.push("-w", password);
    if (ca !== undefined) programArguments.push(`--spice-ca-file=${file("ca.pem", ca)}`);
    if (options.secureChannels !== undefined) {
      programArguments.push(`--spice-secure-channels=${options.secureChannels.join(",")}`);
    }
  } else {
    const fields: Record<string, string | number | undefined> = {
      type: "spice",
      host,
      port: port === 0 ? undefined : port,
      "tls-port": tlsPort === 0 ? undefined : tlsPort,
      password,
      ca: ca?.replaceAll("\n", "\\n"),
      "secure-channels": options.secureChannels?.join(";"),
    };
    const lines = Object.entries(fields).filter(([, value]) => value !== undefined);
    const text = lines.map(([name, value]) => `${name}=${value}\n`).join("");
    const path = file("console.vv", `[virt-viewer]\n${text}`);
    programArguments = ["--zoom=100", ...common, path];
  }
  const program = screen.run(client, programArguments);
  if (client === "spicy") await fitSpicy(screen, options.size ?? spicySize);
  return {
    get isAlive() {
      return program.isAlive;
    },
    get output() {
      return program.output;
    },
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]();
      removeOwnedDirectory(directory);
    },
  };
}

/** What spicy leaves for the picture in its first window. */
const spicySize = { width: 640, height: 480 };

/** Without a window manager spicy keeps its size, and scales the picture. */
async function fitSpicy(screen: XScreen, { width, height }: typeof spicySize): Promise<void> {
  const found = await screen.hands("search", "--sync", "--onlyvisible", "--class", "Spicy");
  const window = found.trim().split("\n").at(-1)!;
  const geometry = await screen.hands("getwindowgeometry", "--shell", window);
  const bars = Number(/^HEIGHT=(\d+)$/m.exec(geometry)![1]) - spicySize.height;
  await screen.hands("windowsize", window, `${width}`, `${height + bars}`);
}

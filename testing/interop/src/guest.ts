// The guest that QEMU boots: a small graphical Debian, built once by guest/build.sh and reused as long as the builder's files are the same.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, hashOfFolder } from "./cache.ts";
import { ensurePackages } from "./packages.ts";

const builder = fileURLToPath(new URL("../guest", import.meta.url));

export interface Guest {
  /** Names the builder's inputs: two guests of one hash are interchangeable. */
  readonly hash: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly rootfs: string;
}

/** The guest's files; builds them when there are none (about 70 s, needs root). */
export async function ensureGuest(): Promise<Guest> {
  const hash = hashOfFolder(builder);
  const directory = await cached(`guest-${hash}`, async (target) => {
    if (process.getuid?.() !== 0) {
      throw new Error(`building the guest needs root; run: sudo ${builder}/build.sh ${target}`);
    }
    await ensurePackages([
      "mmdebstrap",
      "squashfs-tools",
      "cpio",
      "gcc",
      "libc6-dev",
      "libx11-dev",
      "libxi-dev",
      "libxrender-dev",
    ]);
    process.stderr.write("interop: building the guest, once, in about 70 s\n");
    await new Promise<void>((resolve, reject) => {
      const child = spawn(join(builder, "build.sh"), [target], { stdio: ["ignore", 2, 2] });
      child.once("error", reject);
      child.once("exit", (code) => {
        if (code === 0) resolve();
        else reject(new Error(`the guest's builder ended with ${code}`));
      });
    });
  });
  return {
    hash,
    kernel: join(directory, "vmlinuz"),
    initrd: join(directory, "initrd.img"),
    rootfs: join(directory, "rootfs.squashfs"),
  };
}

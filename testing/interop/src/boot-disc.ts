// A disc that a machine boots from, of a few kilobytes: its program says a line on the first serial port and halts.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "./ownership.ts";
import { ensurePackages } from "./packages.ts";

/** Where a BIOS puts the boot image. */
const loadedAt = 0x7c00;

/** Of an x86 in real mode. */
function bootImage(text: string): Uint8Array {
  const program = [
    ...[0x31, 0xc0], // xor ax, ax
    ...[0x8e, 0xd8], // mov ds, ax
    ...[0xbe, 0x00, 0x00], // mov si, text
    0xac, // lodsb
    ...[0x84, 0xc0], // test al, al
    ...[0x74, 0x06], // jz halt
    ...[0xba, 0xf8, 0x03], // mov dx, 0x3f8
    0xee, // out dx, al
    ...[0xeb, 0xf5], // jmp lodsb
    0xf4, // halt: hlt
    ...[0xeb, 0xfd], // jmp halt
  ];
  const at = loadedAt + program.length;
  program[5] = at & 0xff;
  program[6] = at >> 8;
  const image = new Uint8Array(2048);
  image.set(program);
  image.set(Buffer.from(`${text}\n\0`, "latin1"), program.length);
  return image;
}

/** Writes the ISO; `text` is what its program says. */
export async function makeBootDisc(file: string, text: string): Promise<void> {
  await ensurePackages(["xorriso"]);
  const directory = makeOwnedDirectory("disc");
  try {
    writeFileSync(join(directory, "boot.bin"), bootImage(text));
    const boot = ["-b", "boot.bin", "-no-emul-boot", "-boot-load-size", "4"];
    await runProgram("xorriso", ["-as", "mkisofs", "-quiet", "-o", file, ...boot, directory]);
  } finally {
    removeOwnedDirectory(directory);
  }
}

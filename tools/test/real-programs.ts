// Set-up for the tests that drive real programs: Debian packages, the guest, a saved desktop.

import { ensureGuest, ensurePackages, ensureSavedVm } from "../../testing/interop/src/index.ts";

// Everything at once, so that whoever is not root gets one command to run.
const packages = [
  // The virtual machine.
  "qemu-system-x86",
  // The guest's builder.
  "mmdebstrap",
  "squashfs-tools",
  "cpio",
  "gcc",
  "libc6-dev",
  "libx11-dev",
  "libxi-dev",
  "libxrender-dev",
  // The browser.
  "chromium",
  // The reference client, and what it is compiled with.
  "libspice-client-glib-2.0-dev",
  "libspice-protocol-dev",
  "pkg-config",
  // The reference's clients with windows, and a screen for them; its page for browsers.
  "spice-client-gtk",
  "virt-viewer",
  "xvfb",
  "xdotool",
  "spice-html5",
  // The reference server as a library.
  "libspice-server-dev",
  "libglib2.0-dev",
  // Certificates and users for TLS and SASL.
  "openssl",
  "sasl2-bin",
  "libsasl2-modules",
];

/** Prepares what the tests need, saying each step. Gives null, or what somebody has to do. */
export async function prepareRealPrograms(say: (text: string) => void): Promise<string | null> {
  try {
    say("set-up: Debian packages");
    await ensurePackages(packages);
    say("set-up: the guest");
    await ensureGuest();
    say("set-up: a saved desktop");
    await ensureSavedVm("qxl-vga");
    return null;
  } catch (error) {
    return `set-up failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

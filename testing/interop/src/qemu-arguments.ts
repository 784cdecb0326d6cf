// QEMU's command line from what a test wants: the devices of the machine (which a saved state and a migration's target must repeat
// exactly), and the SPICE server in front of them (which may differ).

import { join } from "node:path";
import type { Guest } from "./guest.ts";

export type DisplayDevice = "qxl-vga" | "VGA" | "virtio-vga";

/** The machine. Two machines of equal devices can take over each other's state. */
export interface VmDevices {
  readonly display: DisplayDevice;
  /** Monitors that the display device offers; 1 without it. `VGA` has one. */
  readonly monitors?: number;
  /** `tablet` gives absolute positions, `mouse` is PS/2 and relative. Default `tablet`. */
  readonly pointer?: "tablet" | "mouse";
  /** The agent's port. Default yes. */
  readonly agent?: boolean;
  /** A sound card with playback and record. Default yes. */
  readonly audio?: boolean;
  /** The folder sharing port. Default yes. */
  readonly webdav?: boolean;
  /** A terminal with a shell, as the port `org.caraway.console`. Default no. */
  readonly console?: boolean;
  /** Redirected USB slots. Default 1. */
  readonly usbredir?: number;
  /** A smartcard reader whose card is the client's. Default no. */
  readonly smartcard?: boolean;
  /** Default 512; the machine gets a little more, see `memoryArgument`. */
  readonly memoryMiB?: number;
}

export type ImageCompression = "off" | "auto_glz" | "auto_lz" | "quic" | "glz" | "lz";
export type WanCompression = "auto" | "never" | "always";

/** What the SPICE server of a machine offers. Nothing of it is part of the machine's state. */
export interface SpiceOptions {
  /** What it listens on, at 127.0.0.1 or on a unix socket. Default `plain`; `tls` and `both` need `x509Directory`. */
  readonly listen?: "plain" | "tls" | "both" | "unix";
  /** The ticket; without it there is no ticketing. */
  readonly password?: string;
  /** A folder of `makeServerCertificate`. */
  readonly x509Directory?: string;
  /** Channels that are refused over the other transport. */
  readonly tlsChannels?: readonly string[];
  readonly plaintextChannels?: readonly string[];
  /** A folder of `makeSaslDirectory`: authentication by SASL instead of the ticket. */
  readonly saslDirectory?: string;
  /** Server defaults hold for what is left out: auto_glz, auto, auto, off, on. */
  readonly imageCompression?: ImageCompression;
  readonly jpegWanCompression?: WanCompression;
  readonly zlibGlzWanCompression?: WanCompression;
  readonly streamingVideo?: "off" | "all" | "filter";
  readonly playbackCompression?: boolean;
  /** Off makes a migration semi-seamless. Default on. */
  readonly seamlessMigration?: boolean;
  /** Off: the agent does not carry the pointer. Default on. */
  readonly agentMouse?: boolean;
  /** Its display over D-Bus, too, by `Vm.displayQmp`. */
  readonly dbusDisplay?: boolean;
  /** Its display over VNC, too, on two ports of 127.0.0.1, the plain one above 5900. */
  readonly vnc?: { readonly webSocketPort: number; readonly plainPort: number };
  /** Devices that keep their place in the machine while their SPICE channels are missing. */
  readonly withoutChannels?: readonly ("audio" | "webdav" | "usbredir" | "agent")[];
}

/** Where everything of one machine listens. */
export interface VmSockets {
  readonly qmp: string;
  readonly shell: string;
  readonly events: string;
  readonly spiceUnix: string;
  readonly port: number;
  readonly tlsPort: number;
}

/** The same devices with every default filled in: equal machines give equal JSON. */
export function completeDevices(devices: VmDevices): Required<VmDevices> {
  return {
    display: devices.display,
    monitors: devices.monitors ?? 1,
    pointer: devices.pointer ?? "tablet",
    agent: devices.agent ?? true,
    audio: devices.audio ?? true,
    webdav: devices.webdav ?? true,
    console: devices.console ?? false,
    usbredir: devices.usbredir ?? 1,
    smartcard: devices.smartcard ?? false,
    memoryMiB: devices.memoryMiB ?? 512,
  };
}

function displayArguments(display: DisplayDevice, monitors: number): string[] {
  const heads = { "qxl-vga": "max_outputs", "virtio-vga": "max_outputs", VGA: null }[display];
  if (heads === null && monitors > 1) throw new Error(`${display} has one monitor`);
  // The monitor's preferred mode; qxl has its own way, and this very preference.
  const size = display === "qxl-vga" ? "" : ",xres=1024,yres=768";
  const outputs = heads === null ? "" : `,${heads}=${monitors}`;
  return ["-device", `${display},id=display${size}${outputs}`];
}

/**
 * PEER: while it emulates the processor, QEMU before 9.0 forgets to watch pages that are written again
 * when it looks through memory in whole words of its dirty bitmap (64 pages), so that a guest that works
 * while it moves arrives with old pages in it, and may die of them. Memory that is no multiple of those
 * 256 KiB is looked through page by page, which is right.
 */
function memoryArgument(memoryMiB: number): string {
  return `${memoryMiB * 1024 + 8}K`;
}

export function deviceArguments(devices: VmDevices, spice: SpiceOptions, guest: Guest): string[] {
  const { display, monitors, pointer, agent, audio, webdav, usbredir, smartcard, memoryMiB } =
    completeDevices(devices);
  const without = new Set(spice.withoutChannels);
  const chardev = (id: string, kind: string, name: "agent" | "webdav" | "usbredir") =>
    without.has(name) ? `null,id=${id}` : `${kind},id=${id}`;
  const list = [
    // TCG everywhere: the figures compare, and a stock kernel does not start under every nested KVM.
    ...["-machine", "pc-i440fx-7.2,accel=tcg", "-cpu", "qemu64"],
    ...["-m", memoryArgument(memoryMiB)],
    ...["-nodefaults", "-display", spice.dbusDisplay === true ? "dbus,p2p=yes" : "none"],
    ...["-kernel", guest.kernel, "-initrd", guest.initrd],
    // Freed pages become zero pages, which a saved state does not store.
    ...["-append", "console=ttyS0 quiet init_on_free=1"],
    ...["-drive", `file=${guest.rootfs},format=raw,if=virtio,readonly=on`],
    ...displayArguments(display, monitors),
    ...["-device", "virtio-serial-pci", "-device", "ich9-usb-ehci1"],
  ];
  if (pointer === "tablet") list.push("-device", "usb-tablet");
  if (agent) {
    const port = "virtserialport,chardev=vdagent,name=com.redhat.spice.0";
    list.push("-chardev", chardev("vdagent", "spicevmc,name=vdagent", "agent"), "-device", port);
  }
  if (webdav) {
    const port = "virtserialport,chardev=webdav,name=org.spice-space.webdav.0";
    const kind = "spiceport,name=org.spice-space.webdav.0";
    list.push("-chardev", chardev("webdav", kind, "webdav"), "-device", port);
  }
  if (completeDevices(devices).console) {
    const name = "org.caraway.console";
    list.push("-chardev", `spiceport,id=console,name=${name}`);
    list.push("-device", `virtconsole,chardev=console,name=${name}`);
  }
  for (let slot = 0; slot < usbredir; slot++) {
    const id = `usbredir${slot}`;
    list.push("-chardev", chardev(id, "spicevmc,name=usbredir", "usbredir"));
    list.push("-device", `usb-redir,chardev=${id}`);
  }
  if (smartcard) {
    // The reader is of USB 1, and the controller of the others of USB 2.
    list.push("-device", "piix3-usb-uhci,id=usb1", "-device", "usb-ccid,bus=usb1.0");
    list.push("-chardev", "spicevmc,id=ccid,name=smartcard");
    list.push("-device", "ccid-card-passthru,chardev=ccid");
  }
  if (audio) {
    list.push("-audiodev", `${without.has("audio") ? "none" : "spice"},id=sound`);
    list.push("-device", "intel-hda", "-device", "hda-duplex,audiodev=sound");
  }
  return list;
}

const onOff = (value: boolean) => (value ? "on" : "off");

export function spiceArguments(
  spice: SpiceOptions,
  sockets: VmSockets,
  directory: string,
): string[] {
  const { listen = "plain" } = spice;
  const list: string[] = [];
  if (listen === "unix") list.push(`addr=${sockets.spiceUnix}`, "unix=on");
  else list.push("addr=127.0.0.1");
  if (listen === "plain" || listen === "both") list.push(`port=${sockets.port}`);
  if (listen === "tls" || listen === "both") {
    if (spice.x509Directory === undefined) throw new Error("TLS needs spice.x509Directory");
    list.push(`tls-port=${sockets.tlsPort}`, `x509-dir=${spice.x509Directory}`);
  }
  if (spice.password !== undefined) list.push("password-secret=ticket");
  else list.push("disable-ticketing=on");
  if (spice.saslDirectory !== undefined) list.push("sasl=on");
  for (const channel of spice.tlsChannels ?? []) list.push(`tls-channel=${channel}`);
  for (const channel of spice.plaintextChannels ?? []) list.push(`plaintext-channel=${channel}`);
  const settings: [string, string | undefined][] = [
    ["image-compression", spice.imageCompression],
    ["jpeg-wan-compression", spice.jpegWanCompression],
    ["zlib-glz-wan-compression", spice.zlibGlzWanCompression],
    ["streaming-video", spice.streamingVideo],
    ["playback-compression", spice.playbackCompression === false ? "off" : undefined],
    ["agent-mouse", spice.agentMouse === undefined ? undefined : onOff(spice.agentMouse)],
    ["seamless-migration", onOff(spice.seamlessMigration ?? true)],
  ];
  for (const [name, value] of settings) if (value) list.push(`${name}=${value}`);
  const secret =
    spice.password === undefined
      ? []
      : ["-object", `secret,id=ticket,file=${join(directory, "ticket")}`];
  const { vnc } = spice;
  const display =
    vnc === undefined
      ? []
      : ["-vnc", `127.0.0.1:${vnc.plainPort - 5900},websocket=${vnc.webSocketPort}`];
  return [...secret, "-spice", list.join(","), ...display];
}

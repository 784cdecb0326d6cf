// A VM as an operator describes it: QEMU's own command line and what Caraway has to know of it.

import { join } from "node:path";
import type { StreamUse } from "@caraway/server";

/** A character device of the VM that clients use. */
export interface VmStream {
  readonly use: StreamUse;
  /** Its name in the VM's `-device`: `chardev=NAME`. */
  readonly chardev: string;
  /** Of a port: `name=` of its `-device`. */
  readonly name?: string;
  /** Of an adopted VM: the unix socket on which QEMU waits. */
  readonly path?: string;
}

export interface VmDescription {
  /** `qemu-system-x86_64` when absent. */
  readonly program?: string;
  /**
   * Without display, monitors and the character devices in `streams`: the keeper adds those.
   * `{directory}` stands for a folder of the VM's own, another one wherever it goes.
   */
  readonly arguments: readonly string[];
  /** Further ones where the VM starts, and none where it arrives: `-incoming`, `-cdrom`. */
  readonly startArguments?: readonly string[];
  readonly streams?: readonly VmStream[];
  /** How QEMU gives its screen: `dbus` when absent, `vnc` for a QEMU that has no D-Bus display. */
  readonly display?: "dbus" | "vnc";
  /** Its sound devices have `audiodev=` with this name. */
  readonly sound?: string;
}

/** A VM that runs already: where QEMU's monitors are. */
export interface VmAdoption {
  /** QMP; the VM has `-display dbus,p2p=yes`, or `vnc`, and nobody else is at this monitor. */
  readonly qmp: string;
  /** The unix socket of its VNC server, which asks for no password. */
  readonly vnc?: string;
  /** Another monitor, for keys and pointer. */
  readonly inputs?: string;
}

/** What a keeper is told in its directory: `keeper.json`. */
export interface KeeperOrder {
  readonly name: string;
  readonly vm: VmDescription;
  readonly adopt: VmAdoption | null;
  /** The VM comes from another host. */
  readonly isArriving: boolean;
}

/** That of Opus, so that sound is coded for clients. */
const soundRate = "out.frequency=48000,in.frequency=48000";

/** Where everything of a keeper is. */
export function keeperPaths(directory: string) {
  const at = (name: string): string => join(directory, name);
  return {
    order: at("keeper.json"),
    socket: at("keeper.sock"),
    qmp: at("qmp"),
    inputs: at("inputs"),
    vnc: at("vnc"),
    incoming: at("incoming"),
    outgoing: at("outgoing"),
    log: at("log"),
    pid: at("pid"),
    stream: (chardev: string): string => at(`stream-${chardev}`),
  };
}

/** QEMU's whole command line. */
export function qemuArguments(
  { name, vm, isArriving }: KeeperOrder,
  directory: string,
): readonly string[] {
  const paths = keeperPaths(directory);
  const socket = (path: string): string => `path=${path.replaceAll(",", ",,")},server=on,wait=off`;
  const streams = (vm.streams ?? []).flatMap(({ chardev }) => {
    return ["-chardev", `socket,id=${chardev},${socket(paths.stream(chardev))}`];
  });
  const monitors = (["qmp", "inputs"] as const).flatMap((kind) => {
    const id = `caraway-${kind}`;
    const chardev = ["-chardev", `socket,id=${id},${socket(paths[kind])}`];
    return [...chardev, "-mon", `chardev=${id},mode=control`];
  });
  const isVnc = vm.display === "vnc";
  const driver = isVnc ? "none" : "dbus";
  const sound =
    vm.sound === undefined ? [] : ["-audiodev", `${driver},id=${vm.sound},${soundRate}`];
  const heard = vm.sound === undefined ? "" : `,audiodev=${vm.sound}`;
  const display = isVnc
    ? ["-display", "none", "-vnc", `unix:${paths.vnc.replaceAll(",", ",,")}${heard}`]
    : ["-display", `dbus,p2p=yes${heard}`];
  // Character devices come before the devices that name them.
  const all = [
    ...["-name", name],
    ...sound,
    ...display,
    ...streams,
    ...monitors,
    ...vm.arguments,
    ...(isArriving ? ["-incoming", "defer", "-S"] : (vm.startArguments ?? [])),
  ];
  return all.map((word) => word.replaceAll("{directory}", directory));
}

// What QEMU's display has, from the answer of GetManagedObjects: `a{oa{sa{sv}}}`.

import type { DbusValue, Variant } from "./dbus-value.ts";

export interface DisplayConsole {
  readonly path: string;
  readonly isAbsolute: boolean;
  /** Lock LEDs, as `KeyboardModifier` bits. */
  readonly leds: number;
}

export interface DisplayObjects {
  readonly name: string;
  readonly uuid: Uint8Array | null;
  /** Graphical ones, in the order of their numbers. */
  readonly consoles: readonly DisplayConsole[];
  readonly hasAudio: boolean;
}

type Properties = ReadonlyMap<string, DbusValue>;
type Interfaces = ReadonlyMap<string, Properties>;

const consolePath = /^\/org\/qemu\/Display1\/Console_(\d+)$/;
const zeroUuid = /^[0-]*$/;

export function readObjects(body: readonly DbusValue[]): DisplayObjects {
  const objects = pairs(body[0]).map(([path, interfaces]): [string, Interfaces] => {
    return [path, new Map(pairs(interfaces).map(([name, list]) => [name, propertiesOf(list)]))];
  });
  const vm = objects.find(([path]) => path === "/org/qemu/Display1/VM")?.[1];
  const about = vm?.get("org.qemu.Display1.VM");
  const name = about?.get("Name");
  const uuid = about?.get("UUID");
  const consoles = objects
    .filter(([path, interfaces]) => {
      const type = interfaces.get("org.qemu.Display1.Console")?.get("Type");
      return consolePath.test(path) && type === "Graphic";
    })
    .sort(([a], [b]) => numberOf(a) - numberOf(b))
    .map(([path, interfaces]): DisplayConsole => {
      const leds = interfaces.get("org.qemu.Display1.Keyboard")?.get("Modifiers");
      const isAbsolute = interfaces.get("org.qemu.Display1.Mouse")?.get("IsAbsolute") === true;
      return { path, isAbsolute, leds: typeof leds === "number" ? leds & 7 : 0 };
    });
  return {
    name: typeof name === "string" ? name : "",
    uuid: typeof uuid === "string" ? uuidBytes(uuid) : null,
    consoles,
    hasAudio: objects.some(([path]) => path === "/org/qemu/Display1/Audio"),
  };
}

function pairs(value: DbusValue | undefined): [string, DbusValue][] {
  if (!Array.isArray(value)) return [];
  return value.filter((entry): entry is [string, DbusValue] => {
    return Array.isArray(entry) && entry.length === 2 && typeof entry[0] === "string";
  });
}

function propertiesOf(value: DbusValue): Properties {
  return new Map(pairs(value).map(([name, variant]) => [name, (variant as Variant).value]));
}

function numberOf(path: string): number {
  return Number(consolePath.exec(path)?.[1] ?? 0);
}

/** 16 bytes; null for none. */
export function uuidBytes(text: string): Uint8Array | null {
  const digits = text.replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(digits) || zeroUuid.test(text)) return null;
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

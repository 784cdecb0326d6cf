// Filters of devices in usbredir's own syntax, `class,vendor,product,version,allow|…`: hexadecimal or
// decimal numbers, -1 for any, and 1 to allow. The first rule that fits decides.

import { UsbredirError } from "./usbredir-error.ts";

/** null fits any. */
export interface FilterRule {
  readonly deviceClass: number | null;
  readonly vendor: number | null;
  readonly product: number | null;
  readonly version: number | null;
  readonly allow: boolean;
}

/** A device as filters see it. */
export interface FilteredDevice {
  readonly deviceClass: number;
  readonly vendor: number;
  readonly product: number;
  readonly version: number;
  readonly interfaces: readonly {
    readonly interfaceClass: number;
    readonly interfaceSubclass: number;
    readonly interfaceProtocol: number;
  }[];
}

const rulesMax = 1024;

/** @throws UsbredirError BAD_FILTER */
export function parseFilter(text: string): FilterRule[] {
  const parts = text.split("|").filter((part) => part !== "");
  if (parts.length > rulesMax) throw bad(`${parts.length} rules`);
  return parts.map((part) => {
    const tokens = part.split(",").filter((token) => token !== "");
    if (tokens.length !== 5) throw bad(`"${part}" has ${tokens.length} parts and not five`);
    const [deviceClass, vendor, product, version, allow] = tokens.map((token) => {
      return parseNumber(token, part);
    });
    const rule = {
      deviceClass: within(deviceClass!, 0xff, part),
      vendor: within(vendor!, 0xffff, part),
      product: within(product!, 0xffff, part),
      version: within(version!, 0xffff, part),
    };
    return { ...rule, allow: allow !== 0 };
  });
}

/** As the reference writes them. */
export function formatFilter(rules: readonly FilterRule[]): string {
  return rules
    .map(({ deviceClass, vendor, product, version, allow }) => {
      const numbers = [hex(deviceClass, 2), hex(vendor, 4), hex(product, 4), hex(version, 4)];
      return [...numbers, allow ? "1" : "0"].join(",");
    })
    .join("|");
}

/**
 * Whether the device may be redirected: `deny` when a rule says so or none fits. A device without a
 * class of its own is judged by its interfaces, of which those that a keyboard or mouse has beside
 * others for buttons do not count.
 */
export function checkFilter(
  rules: readonly FilterRule[],
  device: FilteredDevice,
  otherwise: "allow" | "deny" = "deny",
): "allow" | "deny" {
  const decide = (deviceClass: number): boolean => {
    const rule = rules.find((candidate) => {
      return (
        fits(candidate.deviceClass, deviceClass) &&
        fits(candidate.vendor, device.vendor) &&
        fits(candidate.product, device.product) &&
        fits(candidate.version, device.version)
      );
    });
    return rule?.allow ?? otherwise === "allow";
  };
  const { deviceClass, interfaces } = device;
  // Class 0: see the interfaces. 0xef: several functions.
  const classes = deviceClass === 0 || deviceClass === 0xef ? [] : [deviceClass];
  for (const { interfaceClass, interfaceSubclass, interfaceProtocol } of interfaces) {
    const isExtraHid = interfaceClass === 3 && interfaceSubclass === 0 && interfaceProtocol === 0;
    if (interfaces.length === 1 || !isExtraHid) classes.push(interfaceClass);
  }
  return classes.every(decide) ? "allow" : "deny";
}

function fits(wanted: number | null, there: number): boolean {
  return wanted === null || wanted === there;
}

function parseNumber(token: string, rule: string): number {
  // As in C, a leading zero makes it octal.
  const number = /^\s*[+-]?(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.exec(token);
  if (number === null) throw bad(`"${token}" in "${rule}" is no number`);
  const isNegative = token.includes("-");
  const digits = number[1]!;
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return isNegative ? -value : value;
}

function within(value: number, most: number, rule: string): number | null {
  if (value === -1) return null;
  if (value >= 0 && value <= most) return value;
  throw bad(`${value} in "${rule}" is out of range`);
}

function hex(value: number | null, digits: number): string {
  return value === null ? "-1" : `0x${value.toString(16).padStart(digits, "0")}`;
}

function bad(detail: string): UsbredirError {
  return new UsbredirError("BAD_FILTER", detail);
}

// To which hosts a session may follow its VM, where the operator wants to say so beforehand.

import { BlockList, isIP, isIPv6 } from "node:net";

/**
 * `rules`: host names (`node1.example`, `*.example`), addresses and networks (`10.0.0.0/8`). With
 * none, every host that a server names is allowed. Throws RangeError.
 */
export function targetRule(rules: readonly string[]): (host: string) => boolean {
  if (rules.length === 0) return () => true;
  const networks = new BlockList();
  const names: RegExp[] = [];
  for (const rule of rules) {
    const [address = "", prefix] = rule.split("/");
    if (isIP(address) !== 0) addNetwork(networks, address, prefix);
    else names.push(nameRule(rule));
  }
  return (host) => {
    if (isIP(host) !== 0) return networks.check(host, isIPv6(host) ? "ipv6" : "ipv4");
    return names.some((name) => name.test(host));
  };
}

function addNetwork(networks: BlockList, address: string, prefix: string | undefined): void {
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  if (prefix === undefined) {
    networks.addAddress(address, family);
    return;
  }
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (!(bits <= (family === "ipv6" ? 128 : 32))) {
    throw new RangeError(`${address}/${prefix} is not a network such as 10.0.0.0/8`);
  }
  networks.addSubnet(address, bits, family);
}

function nameRule(rule: string): RegExp {
  if (!/^(\*\.)?[\w-]+(\.[\w-]+)*$/.test(rule)) {
    throw new RangeError(`${rule} is neither a host, nor *.domain, nor a network`);
  }
  const escaped = rule.replace(/^\*\./, "").replaceAll(".", "\\.");
  return new RegExp(rule.startsWith("*.") ? `^(?:[\\w-]+\\.)+${escaped}$` : `^${escaped}$`, "i");
}

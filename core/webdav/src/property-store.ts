// Properties that clients give to files and that no file system knows (RFC 4918's dead properties):
// kept while the folder is shared, bounded, and moved with their files.

import { isWithin } from "./folder-url.ts";
import type { FolderPath } from "./folder-work.ts";
import { HttpFault } from "./http-fault.ts";

export interface DeadProperty {
  readonly namespace: string;
  readonly name: string;
  /** The element, which stands for itself. */
  readonly source: string;
}

const bytesMax = 1 << 20;

interface Owner {
  readonly path: FolderPath;
  readonly properties: Map<string, DeadProperty>;
}

export class PropertyStore {
  readonly #owners = new Map<string, Owner>();
  #bytes = 0;

  of(path: FolderPath): DeadProperty[] {
    return [...(this.#owners.get(keyOf(path))?.properties.values() ?? [])];
  }

  /** @throws HttpFault 507 when there are too many. */
  set(path: FolderPath, property: DeadProperty): void {
    this.remove(path, property);
    if (this.#bytes + sizeOf(property) > bytesMax) {
      throw new HttpFault(507, "there are too many properties");
    }
    const key = keyOf(path);
    const owner = this.#owners.get(key) ?? { path, properties: new Map() };
    this.#owners.set(key, owner);
    owner.properties.set(nameOf(property), property);
    this.#bytes += sizeOf(property);
  }

  remove(path: FolderPath, property: Pick<DeadProperty, "namespace" | "name">): void {
    const properties = this.#owners.get(keyOf(path))?.properties;
    const old = properties?.get(nameOf(property));
    if (properties === undefined || old === undefined) return;
    properties.delete(nameOf(property));
    this.#bytes -= sizeOf(old);
    if (properties.size === 0) this.#owners.delete(keyOf(path));
  }

  removed(path: FolderPath): void {
    for (const owner of this.#below(path)) {
      for (const property of [...owner.properties.values()]) this.remove(owner.path, property);
    }
  }

  /** As far as there is room. */
  copied(from: FolderPath, to: FolderPath): void {
    for (const { path, properties } of this.#below(from)) {
      const place = [...to, ...path.slice(from.length)];
      for (const property of [...properties.values()]) {
        if (this.#bytes + sizeOf(property) <= bytesMax) this.set(place, property);
      }
    }
  }

  clear(): void {
    this.#owners.clear();
    this.#bytes = 0;
  }

  #below(path: FolderPath): Owner[] {
    return [...this.#owners.values()].filter((owner) => isWithin(owner.path, path));
  }
}

function keyOf(path: FolderPath): string {
  return path.join("/");
}

function nameOf({ namespace, name }: Pick<DeadProperty, "namespace" | "name">): string {
  return `${namespace} ${name}`;
}

function sizeOf({ namespace, name, source }: DeadProperty): number {
  return 2 * (namespace.length + name.length + source.length) + 100;
}

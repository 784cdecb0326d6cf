// What states of a program may differ in and be taken for the same still: the order in which things
// came to be there. That they go on to do the same is not taken on trust: see memory.ts.

/** Lists of snapshots that are sets: whose order tells only what came first. */
const unordered: ReadonlySet<string> = new Set(["arrivals", "connections"]);

export function isUnordered(name: string): boolean {
  return unordered.has(name);
}

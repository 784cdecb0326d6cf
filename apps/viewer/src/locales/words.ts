// The words of a language, by its tag; English where there are no others. Languages other than
// English are loaded when they are wanted.

import { english, type Words } from "./english.ts";

const loaders: Readonly<Record<string, () => Promise<Words>>> = {
  de: () => import("./german.ts").then(({ german }) => german),
};

/** `tag` as in the attribute `lang`: `de-AT`. */
export async function wordsFor(tag: string): Promise<Words> {
  const language = tag.toLowerCase().split("-")[0] ?? "";
  const load = loaders[language];
  if (load === undefined) return english;
  return await load().catch(() => english);
}

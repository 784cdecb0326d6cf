// What a browser withholds, for pages around the viewer.

export { wordsFor } from "./locales/words.ts";
export { missingList } from "./ui/missing-list.ts";

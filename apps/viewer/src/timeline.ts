// The chart of a move for embedders that show it on their page, with its style.

import { sharedTime } from "@caraway/browser";
import { wordsFor } from "./locales/words.ts";
import type { GuestCourse, MigrationRecord } from "./session/timeline.ts";
import { chartStyle } from "./ui/chart-style.ts";
import { timelineChart } from "./ui/timeline-chart.ts";

export { type GuestCourse, pictureGapMs } from "./session/timeline.ts";
export { duration } from "./ui/timeline-chart.ts";
export { chartStyle };

/**
 * `record` as `viewer.migrations` has it; `language` as in the viewer's `lang`; `guest` where the
 * embedder knows the hosts.
 */
export async function moveChart(
  record: MigrationRecord,
  language: string,
  guest: GuestCourse | null = null,
): Promise<SVGSVGElement> {
  return timelineChart(record, await wordsFor(language), sharedTime(), guest);
}

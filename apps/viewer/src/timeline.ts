// The chart of a move for embedders that show it on their page, with its style.

import { sharedTime } from "@caraway/browser";
import { wordsFor } from "./locales/words.ts";
import type { MigrationRecord } from "./session/timeline.ts";
import { chartStyle } from "./ui/chart-style.ts";
import { type ChartOptions, timelineChart } from "./ui/timeline-chart.ts";

export { type GuestCourse, pictureGapMs } from "./session/timeline.ts";
export { type ChartOptions, duration } from "./ui/timeline-chart.ts";
export { chartStyle };

/** `record` as `viewer.migrations` has it; `language` as in the viewer's `lang`. */
export async function moveChart(
  record: MigrationRecord,
  language: string,
  options: ChartOptions = {},
): Promise<SVGSVGElement> {
  return timelineChart(record, await wordsFor(language), sharedTime(), options);
}

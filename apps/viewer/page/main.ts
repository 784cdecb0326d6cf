// What the page runs first. The worker of the session takes as long to load as the page does, so it
// begins at once, beside it.

import { prepareWorker } from "@caraway/browser";

prepareWorker();
void import("./page.ts");

// Every fuzz target that there is. A package that parses what peers send adds its own here.

import { agentTargets } from "./agent-targets.ts";
import { codecTargets } from "./codec-targets.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { moveTargets } from "./move-targets.ts";
import { protocolTargets } from "./protocol-targets.ts";
import { sessionTargets } from "./session-targets.ts";
import { smartcardTargets } from "./smartcard-targets.ts";
import { usbredirTargets } from "./usbredir-packets.ts";
import { webdavTargets } from "./webdav-targets.ts";

export const fuzzTargets: readonly FuzzTarget[] = [
  ...protocolTargets,
  ...codecTargets,
  ...sessionTargets,
  ...moveTargets,
  ...usbredirTargets,
  ...smartcardTargets,
  ...agentTargets,
  ...webdavTargets,
];

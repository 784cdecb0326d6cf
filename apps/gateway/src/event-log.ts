// The machine's events as lines of a log. None holds a token, a credential or a password.

import type { GatewayEvent } from "@caraway/gateway";
import type { Log } from "./log.ts";

export function logEvent(log: Log, event: GatewayEvent): void {
  switch (event.name) {
    case "session-began":
    case "session-ended": {
      const { session, vm, user } = event;
      log.info({ event: event.name, session, vm, user }, event.name.replace("-", " "));
      break;
    }
    case "linked": {
      const { way, setupMs } = event;
      const fields = { event: event.name, ...event.subject, way, setupMs: Math.round(setupMs) };
      log.info(fields, "channel linked");
      break;
    }
    case "link-failed": {
      const { code, detail } = event;
      log.warn({ event: event.name, ...event.subject, code, detail }, "channel not linked");
      break;
    }
    case "target-named":
    case "target-refused": {
      const { message, target } = event;
      const fields = { event: event.name, ...event.subject, message, target };
      if (event.name === "target-named") log.info(fields, "the VM will move");
      else log.warn(fields, "the VM will move where this gateway may not follow");
      break;
    }
    case "ended": {
      const { by, bytesUp, bytesDown, detail } = event;
      const fields = { event: event.name, ...event.subject, by, bytesUp, bytesDown, detail };
      log.info(fields, "channel ended");
      break;
    }
    case "drained":
      log.info({ event: event.name }, "no connection is left");
      break;
  }
}

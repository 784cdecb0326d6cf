// What a server tells, in words for a person.

import type { ServerEvent } from "@caraway/server";

/** One line, or null for what a person need not know. */
export function serverEventText(event: ServerEvent): string | null {
  switch (event.name) {
    case "client-joined": {
      const who = event.user === null ? event.peer : `${event.user} at ${event.peer}`;
      return `client ${event.client}: ${who} came${event.viewOnly ? ", looking on" : ""}`;
    }
    case "client-left":
      return event.error === null
        ? `client ${event.client}: left`
        : `client ${event.client}: lost: ${event.error.message}`;
    case "channel-lost":
      return event.error === null
        ? null
        : `client ${event.client}: ${event.channel} lost: ${event.error.message}`;
    case "link-refused":
      return `${event.peer}: not let in: ${event.error.message}`;
    case "guest-fault":
      return `the guest: ${event.what}: ${event.error.message}`;
    case "guest-ended":
      return event.error === null
        ? "the guest has ended"
        : `the guest has ended: ${event.error.message}`;
    default:
      return null;
  }
}

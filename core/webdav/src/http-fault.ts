// A request that is answered with an error, and why.

import { CarawayError } from "@caraway/wire";

/** `detail` is for the log, never for the guest. */
export class HttpFault extends CarawayError {
  readonly code = "WEBDAV_REFUSED";
  readonly status: number;
  /** Precondition of RFC 4918, section 16, that was violated; an element's name. */
  readonly condition: string | null;
  /** Where the request ends is not known, so the connection cannot go on. */
  readonly isFatal: boolean;

  constructor(
    status: number,
    detail: string,
    more: { readonly condition?: string; readonly fatal?: boolean } = {},
  ) {
    super(detail);
    this.status = status;
    this.condition = more.condition ?? null;
    this.isFatal = more.fatal ?? false;
  }
}

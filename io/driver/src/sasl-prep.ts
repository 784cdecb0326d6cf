// SASLprep (RFC 4013) of user names and passwords, as far as a client needs it: what looks the
// same is sent the same.

import { CarawayError } from "@caraway/wire";

/** A user name or password with characters that SASL does not allow. */
export class SaslPrepError extends CarawayError {
  readonly code = "SASL_PREP";
}

// RFC 3454: table B.1 is mapped to nothing, C.1.2 to a space; the rest of C is prohibited.
const mappedToNothing =
  /\u00ad|\u034f|\u1806|\u180b|\u180c|\u180d|\u200b|\u200c|\u200d|\u2060|\ufeff|[\ufe00-\ufe0f]/gu;
const otherSpaces = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu;
const prohibited =
  /\p{Cc}|\p{Co}|\p{Cs}|\p{Noncharacter_Code_Point}|[\u06dd\u070f\u180e\u200e\u200f]|\u0340|\u0341|[\u2028-\u202e\u2061-\u206f\u2ff0-\u2ffb\ufff9-\ufffd]/u;

export function prepareString(text: string): string {
  const prepared = text.replace(mappedToNothing, "").replace(otherSpaces, " ").normalize("NFKC");
  if (prohibited.test(prepared)) {
    throw new SaslPrepError("the user name or password has a character that SASL does not allow");
  }
  return prepared;
}

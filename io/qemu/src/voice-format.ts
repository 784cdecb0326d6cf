// What a voice of QEMU's sound is made of, as `Init` tells a listener for either direction.

import type { SoundFormat } from "@caraway/server";
import type { DbusValue } from "./dbus-value.ts";

/** From the arguments of `Init` behind the voice's id; null: a format that clients do not have. */
export function voiceFormat(body: readonly DbusValue[]): SoundFormat | null {
  const [bits, isSigned, isFloat, frequency, channels, , , isBigEndian] = body;
  const isKnown = bits === 16 && isSigned === true && isFloat === false && isBigEndian === false;
  if (!isKnown || typeof frequency !== "number" || typeof channels !== "number") return null;
  return { channels, frequency };
}

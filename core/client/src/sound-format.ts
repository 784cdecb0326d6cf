// The formats of sound that this client takes from a server.

import { AudioFormat } from "@caraway/protocol";
import type { ChannelEnd } from "./channel-end.ts";

const channelsMax = 8;
const frequencyMin = 4000;
const frequencyMax = 192_000;

interface WireFormat {
  readonly channels: number;
  readonly format: number;
  readonly frequency: number;
}

/** @throws ProtocolError when no sound can be like that. */
export function checkFormat(end: ChannelEnd, { channels, format, frequency }: WireFormat): void {
  if (format !== AudioFormat.S16) throw end.unexpected("START", `format ${format} is not known`);
  if (channels < 1 || channels > channelsMax) {
    throw end.unexpected("START", `${channels} channels are not from 1 to ${channelsMax}`);
  }
  if (frequency < frequencyMin || frequency > frequencyMax) {
    throw end.unexpected(
      "START",
      `${frequency} Hz are not from ${frequencyMin} to ${frequencyMax}`,
    );
  }
}

// What is wrong with an agent's bytes, as both ends tell it: the agent's connection is reset, and
// nothing else.

import { WireError } from "@caraway/wire";
import { AgentProtocolError } from "./agent-stream.ts";

/** @throws what is no fault of the bytes. */
export function faultOfBytes(error: unknown): AgentProtocolError {
  if (error instanceof AgentProtocolError) return error;
  if (error instanceof WireError) return new AgentProtocolError(error.message, { cause: error });
  throw error;
}

// What two agent ends can do together, by the names of capabilities.

import { AgentCapability, capabilityWords, hasCapability } from "@caraway/protocol";
import type { AgentContext } from "./agent-stream.ts";

const clientCapabilities = [
  AgentCapability.MOUSE_STATE,
  AgentCapability.MONITORS_CONFIG,
  AgentCapability.REPLY,
  AgentCapability.DISPLAY_CONFIG,
  AgentCapability.CLIPBOARD_BY_DEMAND,
  AgentCapability.CLIPBOARD_SELECTION,
  AgentCapability.MONITORS_CONFIG_POSITION,
  AgentCapability.FILE_XFER_DETAILED_ERRORS,
  AgentCapability.CLIPBOARD_NO_RELEASE_ON_REGRAB,
  AgentCapability.CLIPBOARD_GRAB_SERIAL,
];

/** What our client's end announces. */
export const clientCapabilityWords: readonly number[] = capabilityWords(clientCapabilities);

/** What our guest's end announces. */
export const guestCapabilityWords: readonly number[] = capabilityWords([
  ...clientCapabilities,
  AgentCapability.SPARSE_MONITORS_CONFIG,
  AgentCapability.GUEST_LINEEND_LF,
  AgentCapability.MAX_CLIPBOARD,
  AgentCapability.AUDIO_VOLUME_SYNC,
  AgentCapability.GRAPHICS_DEVICE_INFO,
]);

/** Names of the capabilities in the words. */
export function capabilityNames(words: readonly number[]): string[] {
  return Object.entries(AgentCapability)
    .filter(([, bit]) => hasCapability(words, bit))
    .map(([name]) => name);
}

/**
 * The capabilities of the peer. Fields that depend on a capability are there when both ends have
 * it, and each of our ends has all that fields depend on.
 */
export function contextOf(words: readonly number[] | null): AgentContext {
  return new Set(words === null ? [] : capabilityNames(words));
}

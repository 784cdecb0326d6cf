// What an inputs channel is, for the server that goes on with it: to bytes of the peer link and
// back, and MIGRATE_DATA as spice-server has it.

import {
  channelStateVersion,
  inputsMigrationDataCodec,
  inputsStateCodec,
  MigrationMagic,
  migrationVersion,
} from "@caraway/protocol";
import { expectState, isKnownState } from "./bad-state.ts";
import type { HeldInputs } from "./guest-inputs.ts";

/** An inputs channel between two servers. */
export interface MovedInputs {
  /** Motions that are not acknowledged. */
  readonly motions: number;
  /** Lock LEDs as the client was told last. */
  readonly leds: number;
  readonly held: HeldInputs;
  /** Bytes of a scancode that is not whole. */
  readonly prefix: Uint8Array;
}

/** More than any keyboard has. */
const keysMax = 512;
const prefixMax = 2;
const pauseCode = 0xe11d45;

export function encodeInputsState({ motions, leds, held, prefix }: MovedInputs): Uint8Array {
  const { keys, buttons, position } = held;
  return inputsStateCodec.encode({
    version: channelStateVersion,
    motionCount: motions,
    modifiers: leds,
    buttons,
    ...position,
    keys,
    prefix,
  });
}

/** @throws BadState or WireError when no server of ours would have sent it. */
export function decodeInputsState(bytes: Uint8Array): MovedInputs {
  const state = inputsStateCodec.decode(bytes);
  const { motionCount: motions, modifiers: leds, buttons, keys, prefix } = state;
  const { x, y, displayId } = state;
  expectState(buttons <= 0x7f, `buttons ${buttons}`);
  const areKeys = keys.every(
    (key) => (key & ~0x7f) === 0 || (key & ~0x7f) === 0xe000 || key === pauseCode,
  );
  expectState(keys.length <= keysMax && areKeys, "keys");
  const isPrefix = prefix.length === 0 || prefix[0] === 0xe0 || prefix[0] === 0xe1;
  expectState(isPrefix && prefix.length <= (prefix[0] === 0xe0 ? 1 : prefixMax), "a scancode");
  return { motions, leds, held: { keys, buttons, position: { x, y, displayId } }, prefix };
}

/**
 * What was held on the channel; null where the state does not tell.
 *
 * @throws BadState or WireError.
 */
export function heldInState(state: Uint8Array): HeldInputs | null {
  return isKnownState(state) ? decodeInputsState(state).held : null;
}

export function encodeInputsData(motionCount: number): Uint8Array {
  const { INPUTS: magic } = MigrationMagic;
  return inputsMigrationDataCodec.encode({ magic, version: migrationVersion, motionCount });
}

/**
 * Motions that are not acknowledged, of which another server may have more than a bunch.
 *
 * @throws BadState or WireError.
 */
export function decodeInputsData(body: Uint8Array): number {
  const { magic, version, motionCount } = inputsMigrationDataCodec.decode(body);
  const isKnown = magic === MigrationMagic.INPUTS && version <= migrationVersion;
  expectState(isKnown, `${magic} of version ${version} is no state of inputs`);
  return motionCount;
}

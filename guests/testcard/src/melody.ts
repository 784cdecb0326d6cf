// What the testcard plays: a tune on one channel and a click on both at the turn of each of the
// guest's seconds. All of it is computed from the time that the guest has run, so that a guest that
// was moved goes on with the very next sample. What it hears is measured, not kept.

import type { GuestOutput, SoundFormat } from "@caraway/server";
import { wave } from "./arithmetic.ts";

export const soundFormat: SoundFormat = { channels: 2, frequency: 48_000 };
export const soundDevice = 0;
export const soundTickMs = 10;
/** What a guest that was late does not catch up with. */
export const lateMaxMs = 500;

const framesPerMs = soundFormat.frequency / 1000;
const noteMs = 250;
/** Hz of whole numbers, so that each note is a whole number of turns. */
const notes = [392, 440, 494, 524, 588, 524, 494, 440] as const;
const loudness = 8000;
const fadeMs = 20;
export const clickMs = 20;
const clickHz = 1000;
const clickLoudness = 16_000;

export interface SoundState {
  /** Of the time that the guest has run: samples before that were given. */
  playedMs: number;
  /** Bytes that came from the microphone, and the loudest sample of the last ones. */
  heardBytes: number;
  loudest: number;
}

export const firstSound: SoundState = { playedMs: 0, heardBytes: 0, loudest: 0 };

/** What its devices are to a server, at the start or after it was loaded. */
export function describeSound(isSetUp: boolean): GuestOutput[] {
  const outputs: GuestOutput[] = [
    { type: "attach", device: { kind: "playback", id: soundDevice } },
    { type: "attach", device: { kind: "record", id: soundDevice } },
  ];
  return isSetUp ? [...outputs, ...startSound()] : outputs;
}

export function startSound(): GuestOutput[] {
  return [
    { type: "playback-start", device: soundDevice, format: soundFormat },
    { type: "record-start", device: soundDevice, format: soundFormat },
  ];
}

/** Gives what is due by `runtimeMs`. */
export function tickSound(
  sound: SoundState,
  runtimeMs: number,
  say: (output: GuestOutput) => void,
): void {
  if (runtimeMs - sound.playedMs > lateMaxMs) sound.playedMs = runtimeMs - soundTickMs;
  while (sound.playedMs + soundTickMs <= runtimeMs) {
    const samples = soundAt(sound.playedMs, soundTickMs);
    say({ type: "playback-samples", device: soundDevice, samples });
    sound.playedMs += soundTickMs;
  }
}

/** When the next samples are due, in the time that the guest has run. */
export function soundDue(sound: SoundState): number {
  return sound.playedMs + soundTickMs;
}

export function hearSound(sound: SoundState, samples: Uint8Array): void {
  const view = new DataView(samples.buffer, samples.byteOffset, samples.byteLength);
  sound.heardBytes += samples.length;
  sound.loudest = 0;
  for (let at = 0; at + 1 < samples.length; at += 2) {
    sound.loudest = Math.max(sound.loudest, Math.abs(view.getInt16(at, true)));
  }
}

/** So many milliseconds of sound from a moment of the time that the guest has run. */
export function soundAt(fromMs: number, lengthMs: number): Uint8Array {
  const frames = lengthMs * framesPerMs;
  const bytes = new Uint8Array(frames * 4);
  const view = new DataView(bytes.buffer);
  for (let frame = 0; frame < frames; frame++) {
    const ms = fromMs + Math.floor(frame / framesPerMs);
    const inNote = (ms % noteMs) * framesPerMs + (frame % framesPerMs);
    const note = notes[Math.floor(ms / noteMs) % notes.length]!;
    const tune = turn(note, inNote) * loudness * envelope(ms % noteMs);
    const inSecond = (ms % 1000) * framesPerMs + (frame % framesPerMs);
    const click = ms % 1000 < clickMs ? turn(clickHz, inSecond) * clickLoudness : 0;
    view.setInt16(frame * 4, Math.round(tune + click), true);
    view.setInt16(frame * 4 + 2, Math.round(click), true);
  }
  return bytes;
}

function turn(hz: number, frame: number): number {
  return wave(Math.floor((frame * hz * 1024) / soundFormat.frequency));
}

/** Notes begin and end softly. */
function envelope(ms: number): number {
  return Math.min(1, ms / fadeMs, (noteMs - ms) / fadeMs);
}

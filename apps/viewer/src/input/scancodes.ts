// From the physical keys that browsers name (UI Events KeyboardEvent code Values) to the codes that
// SPICE carries: PC/AT set 1, extended keys as 0xe0NN. What is printed on a key plays no part: the
// guest's own layout says what it means.

/** Runs of keys from a first code on. */
const runs: readonly (readonly [first: number, codes: string])[] = [
  [0x01, "Escape"],
  [0x02, "Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal"],
  [0x0e, "Backspace Tab"],
  [0x10, "KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight"],
  [0x1c, "Enter ControlLeft"],
  [0x1e, "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote"],
  [0x2a, "ShiftLeft Backslash"],
  [0x2c, "KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight"],
  [0x37, "NumpadMultiply AltLeft Space CapsLock"],
  [0x3b, "F1 F2 F3 F4 F5 F6 F7 F8 F9 F10"],
  [0x45, "NumLock ScrollLock"],
  [0x47, "Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4 Numpad5 Numpad6 NumpadAdd"],
  [0x4f, "Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal"],
  [0x56, "IntlBackslash F11 F12 NumpadEqual"],
  [0x64, "F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23"],
  [0x70, "KanaMode Lang2 Lang1 IntlRo"],
  [0x76, "F24 Lang4 Lang3 Convert"],
  [0x7b, "NonConvert"],
  [0x7d, "IntlYen NumpadComma"],
  [0xe008, "Undo"],
  [0xe00a, "Paste"],
  [0xe010, "MediaTrackPrevious"],
  [0xe017, "Cut Copy MediaTrackNext"],
  [0xe01c, "NumpadEnter ControlRight"],
  [0xe020, "AudioVolumeMute LaunchApp2 MediaPlayPause"],
  [0xe024, "MediaStop"],
  [0xe02c, "Eject"],
  [0xe02e, "AudioVolumeDown"],
  [0xe030, "AudioVolumeUp"],
  [0xe032, "BrowserHome"],
  [0xe035, "NumpadDivide"],
  [0xe037, "PrintScreen AltRight"],
  [0xe03b, "Help"],
  // Pause is a sequence of its own (e1 1d 45); what stands for it is Ctrl+Break, as everywhere.
  [0xe046, "Pause Home ArrowUp PageUp"],
  [0xe04b, "ArrowLeft"],
  [0xe04d, "ArrowRight"],
  [0xe04f, "End ArrowDown PageDown Insert Delete"],
  [0xe05b, "MetaLeft MetaRight ContextMenu Power Sleep"],
  [0xe063, "WakeUp"],
  [0xe065, "BrowserSearch BrowserFavorites BrowserRefresh BrowserStop"],
  [0xe069, "BrowserForward BrowserBack LaunchApp1 LaunchMail MediaSelect"],
];

/** Names that some browsers have, or had, for the same keys. */
const otherNames: Readonly<Record<string, string>> = {
  OSLeft: "MetaLeft",
  OSRight: "MetaRight",
  VolumeMute: "AudioVolumeMute",
  VolumeDown: "AudioVolumeDown",
  VolumeUp: "AudioVolumeUp",
  LaunchMediaPlayer: "MediaSelect",
};

const scancodes = new Map<string, number>();
for (const [first, codes] of runs) {
  for (const [index, code] of codes.split(" ").entries()) scancodes.set(code, first + index);
}
for (const [other, code] of Object.entries(otherNames)) {
  const scancode = scancodes.get(code);
  if (scancode !== undefined) scancodes.set(other, scancode);
}

/** Null for a key that a PC keyboard does not have. */
export function scancodeOf(code: string): number | null {
  return scancodes.get(code) ?? null;
}

/** Every name that has a code. */
export function knownCodes(): readonly string[] {
  return [...scancodes.keys()];
}

/** Keys without a place, as on-screen keyboards send them, by what they do. */
const codesByKey: Readonly<Record<string, string>> = {
  Enter: "Enter",
  Backspace: "Backspace",
  Tab: "Tab",
  Escape: "Escape",
  Delete: "Delete",
  Insert: "Insert",
  Home: "Home",
  End: "End",
  PageUp: "PageUp",
  PageDown: "PageDown",
  ArrowUp: "ArrowUp",
  ArrowDown: "ArrowDown",
  ArrowLeft: "ArrowLeft",
  ArrowRight: "ArrowRight",
  Shift: "ShiftLeft",
  Control: "ControlLeft",
  Alt: "AltLeft",
  AltGraph: "AltRight",
  Meta: "MetaLeft",
  ContextMenu: "ContextMenu",
  PrintScreen: "PrintScreen",
  CapsLock: "CapsLock",
};

/** The place of a key of which only its meaning is known; null where it means a character. */
export function codeOfKey(key: string): string | null {
  const isFunctionKey = /^F([1-9]|1\d|2[0-4])$/.test(key);
  return isFunctionKey ? key : (codesByKey[key] ?? null);
}

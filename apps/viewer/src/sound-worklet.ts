// Where the page finds the script that plays sound in a thread of its own.

/// <reference path="./built-script.d.ts" />
import address from "@caraway/browser/sound-worklet?worker&url";

export const soundWorklet: string = address;

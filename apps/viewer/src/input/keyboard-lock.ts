// The keys that systems keep for themselves: in full screen some browsers give them to a page.

interface KeyboardOfNavigator {
  lock?(): Promise<void>;
  unlock?(): void;
}

export function lockKeyboard(isWanted: boolean): void {
  const { keyboard } = navigator as { readonly keyboard?: KeyboardOfNavigator };
  if (isWanted) void keyboard?.lock?.().catch(() => {});
  else keyboard?.unlock?.();
}

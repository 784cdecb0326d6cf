// The look of the viewer itself. Embedders change it through custom properties and parts.

export const viewerStyle = `
:host {
  --spice-accent: #3b82f6;
  --spice-good: #16a34a;
  --spice-warning: #d97706;
  --spice-surface: #ffffff;
  --spice-text: #111827;
  --spice-muted: #6b7280;
  --spice-line: #d1d5db;
  --spice-shade: rgb(17 24 39 / 0.6);
  --spice-background: #1f2430;
  display: block;
  position: relative;
  overflow: hidden;
  min-width: 8rem;
  min-height: 6rem;
  background: var(--spice-background);
  color: var(--spice-text);
  font: 0.9375rem/1.45 system-ui, sans-serif;
  contain: content;
}
@media (prefers-color-scheme: dark) {
  :host {
    --spice-surface: #1f2937;
    --spice-text: #f3f4f6;
    --spice-muted: #9ca3af;
    --spice-line: #4b5563;
    --spice-accent: #60a5fa;
    --spice-shade: rgb(3 7 18 / 0.7);
  }
}
:host([hidden]) { display: none; }
[hidden] { display: none !important; }
.stage {
  position: absolute;
  inset: 0;
  display: grid;
  overflow: auto;
  touch-action: none;
  user-select: none;
  -webkit-user-select: none;
  outline: none;
}
.stage[data-pans="false"] { overflow: hidden; }
.content { position: relative; margin: auto; }
.screen { position: absolute; overflow: hidden; }
.screen canvas { display: block; width: 100%; height: 100%; }
.screen canvas.coming { position: absolute; inset: 0; visibility: hidden; }
.screen canvas.pointer { position: absolute; pointer-events: none; }
.keys {
  position: absolute;
  inset: auto auto 0 0;
  width: 1px;
  height: 1px;
  padding: 0;
  border: 0;
  opacity: 0;
  resize: none;
  overflow: hidden;
  caret-color: transparent;
  /* Phones enlarge the page for smaller type. */
  font-size: 16px;
}
.keys:focus-visible:not([data-quiet]) ~ .ring { outline: 2px solid var(--spice-accent); outline-offset: -2px; }
.ring { position: absolute; inset: 0; pointer-events: none; }
.line {
  position: absolute;
  inset: auto 0 1rem 0;
  width: fit-content;
  max-width: calc(100% - 2rem);
  margin: 0 auto;
  padding: 0.4rem 0.9rem 0.4rem 2.1rem;
  border-radius: 999px;
  background: var(--spice-surface);
  color: var(--spice-text);
  box-shadow: 0 2px 12px rgb(0 0 0 / 0.35);
  pointer-events: none;
}
.line::before {
  content: "";
  position: absolute;
  inset: calc(50% - 0.35rem) auto auto 0.85rem;
  width: 0.7rem;
  height: 0.7rem;
  border-radius: 50%;
  background: var(--spice-muted);
}
.line[data-tone="good"]::before { background: var(--spice-good); }
.line[data-tone="warning"]::before { background: var(--spice-warning); }
.line[data-tone="busy"]::before { background: var(--spice-accent); animation: pulse 1.2s infinite; }
.cover {
  position: absolute;
  inset: 0;
  display: grid;
  place-items: center;
  padding: 1rem;
  overflow: auto;
}
.cover[data-clear="true"] { background: var(--spice-shade); }
.card {
  width: min(26rem, 100%);
  box-sizing: border-box;
  padding: 1.4rem 1.6rem;
  border-radius: 0.8rem;
  background: var(--spice-surface);
  box-shadow: 0 8px 40px rgb(0 0 0 / 0.4);
}
.card.busy { display: flex; align-items: center; gap: 0.9rem; width: auto; }
.card h2 { margin: 0 0 0.4rem; font-size: 1.15rem; line-height: 1.3; }
.card p { margin: 0.4rem 0; }
.card.busy p { margin: 0; }
.card .count { font-variant-numeric: tabular-nums; color: var(--spice-muted); }
.card .refused { color: var(--spice-warning); }
.card label { display: block; margin: 0.7rem 0; }
.card label span { display: block; margin-bottom: 0.2rem; color: var(--spice-muted); }
.card input {
  width: 100%;
  box-sizing: border-box;
  padding: 0.5rem 0.6rem;
  border: 1px solid var(--spice-line);
  border-radius: 0.45rem;
  background: transparent;
  color: inherit;
  font: inherit;
  font-size: max(1rem, 16px);
}
.buttons { display: flex; flex-wrap: wrap; gap: 0.6rem; margin-top: 1rem; }
.button {
  padding: 0.5rem 1rem;
  min-height: 2.4rem;
  border: 1px solid var(--spice-line);
  border-radius: 0.45rem;
  background: transparent;
  color: inherit;
  font: inherit;
  cursor: pointer;
}
.button.main { border-color: transparent; background: #1d4ed8; color: #fff; }
.button:hover { filter: brightness(1.1); }
:is(button, input, summary, select):focus-visible {
  outline: 2px solid var(--spice-accent);
  outline-offset: 2px;
}
details { margin-top: 1rem; color: var(--spice-muted); }
summary { cursor: pointer; width: fit-content; }
.detail { overflow-wrap: anywhere; font-size: 0.875rem; }
.spinner {
  flex: none;
  width: 1.2rem;
  height: 1.2rem;
  border: 3px solid var(--spice-line);
  border-top-color: var(--spice-accent);
  border-radius: 50%;
  animation: turn 0.9s linear infinite;
}
@keyframes turn { to { transform: rotate(360deg); } }
@keyframes pulse { 50% { opacity: 0.35; } }
@media (prefers-reduced-motion: reduce) {
  .spinner, .line::before { animation-duration: 3s; }
}
`;

/** Gives a root its style, also where a security policy forbids style elements. */
export function adoptStyle(root: ShadowRoot | Document, text: string): void {
  // A page in another window has classes of its own: `instanceof` would not know it.
  const owner = "host" in root ? root.ownerDocument : root;
  const view = owner.defaultView as (Window & typeof globalThis) | null;
  if (view === null) return;
  const sheet = new view.CSSStyleSheet();
  sheet.replaceSync(text);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

// The look of tool bar, menus and details; loaded with them.

import { chartStyle } from "./chart-style.ts";

export const controlsStyle = `
.controls {
  position: absolute;
  inset: 0 0 auto 0;
  display: flex;
  flex-direction: column;
  align-items: center;
  pointer-events: none;
  z-index: 2;
}
.controls > * { pointer-events: auto; }
.handle {
  width: 4.5rem;
  height: 1.25rem;
  padding: 0;
  border: 0;
  border-radius: 0 0 0.7rem 0.7rem;
  background: var(--spice-surface);
  color: var(--spice-muted);
  opacity: 0.7;
  cursor: pointer;
}
.handle::before {
  content: "";
  display: block;
  width: 2rem;
  height: 0.25rem;
  margin: auto;
  border-radius: 1rem;
  background: currentColor;
}
.handle:hover, .handle:focus-visible { opacity: 1; }
.controls[data-open="true"] .handle { display: none; }
.controls[data-open="false"] :is(.bar, .menu) { display: none; }
.bar {
  display: flex;
  gap: 0.15rem;
  margin-top: 0.5rem;
  padding: 0.3rem;
  border-radius: 0.8rem;
  background: var(--spice-surface);
  box-shadow: 0 4px 20px rgb(0 0 0 / 0.35);
}
.tool {
  display: grid;
  place-items: center;
  min-width: 2.6rem;
  min-height: 2.6rem;
  padding: 0.3rem 0.5rem;
  border: 0;
  border-radius: 0.55rem;
  background: transparent;
  color: inherit;
  font: inherit;
  cursor: pointer;
}
.tool:hover { background: color-mix(in srgb, var(--spice-text) 10%, transparent); }
.tool[aria-expanded="true"], .tool[aria-pressed="true"] {
  background: color-mix(in srgb, var(--spice-accent) 22%, transparent);
}
.icon { width: 1.35rem; height: 1.35rem; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.menu {
  width: min(22rem, calc(100% - 1rem));
  max-height: min(34rem, calc(100dvh - 6rem));
  box-sizing: border-box;
  margin-top: 0.4rem;
  padding: 0.6rem;
  overflow: auto;
  border-radius: 0.8rem;
  background: var(--spice-surface);
  box-shadow: 0 8px 40px rgb(0 0 0 / 0.4);
}
.menu h3 { margin: 0.6rem 0.5rem 0.25rem; color: var(--spice-muted); font-size: 0.8125rem; font-weight: 600; }
.menu h3:first-child { margin-top: 0.1rem; }
.item {
  display: flex;
  align-items: center;
  gap: 0.6rem;
  width: 100%;
  min-height: 2.3rem;
  padding: 0.3rem 0.5rem;
  border: 0;
  border-radius: 0.45rem;
  background: transparent;
  color: inherit;
  font: inherit;
  text-align: start;
  cursor: pointer;
}
.item:hover { background: color-mix(in srgb, var(--spice-text) 8%, transparent); }
.item[aria-checked]::before {
  content: "";
  flex: none;
  width: 0.9rem;
  height: 0.9rem;
  border: 2px solid var(--spice-muted);
  border-radius: 50%;
  box-sizing: border-box;
}
.item[role="menuitemcheckbox"]::before { border-radius: 0.25rem; }
.item[aria-checked="true"]::before { border-color: var(--spice-accent); background: var(--spice-accent); }
.row { display: flex; flex-wrap: wrap; gap: 0.35rem; padding: 0.15rem 0.4rem; }
.chip {
  min-width: 2.5rem;
  min-height: 2.2rem;
  padding: 0.2rem 0.6rem;
  border: 1px solid var(--spice-line);
  border-radius: 0.45rem;
  background: transparent;
  color: inherit;
  font: inherit;
  cursor: pointer;
}
.chip[data-state="once"] { border-color: var(--spice-accent); box-shadow: inset 0 0 0 1px var(--spice-accent); }
.chip[data-state="locked"], .chip[aria-checked="true"] { border-color: transparent; background: #1d4ed8; color: #fff; }
.panel {
  position: absolute;
  inset: 0 0 0 auto;
  width: min(30rem, 100%);
  box-sizing: border-box;
  padding: 1rem 1.2rem;
  overflow: auto;
  background: var(--spice-surface);
  color: var(--spice-text);
  box-shadow: -4px 0 30px rgb(0 0 0 / 0.35);
  z-index: 3;
}
.panel header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; }
.panel h2 { margin: 0; font-size: 1.1rem; }
.panel h3 { margin: 1.2rem 0 0.4rem; font-size: 0.9375rem; }
.panel table { width: 100%; border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
.panel th { color: var(--spice-muted); font-weight: 500; }
.panel :is(th, td) { padding: 0.25rem 0.4rem; border-bottom: 1px solid var(--spice-line); text-align: end; white-space: nowrap; }
.panel :is(th, td):first-child { padding-inline-start: 0; text-align: start; }
.panel dl { display: grid; grid-template-columns: 1fr auto; gap: 0.25rem 1rem; margin: 0.6rem 0; font-size: 0.875rem; }
.panel p, .panel .missing { margin: 0.3rem 0; font-size: 0.875rem; color: var(--spice-muted); }
.panel .missing { padding-inline-start: 1.2rem; color: inherit; }
.panel dt { color: var(--spice-muted); }
.panel dd { margin: 0; text-align: end; font-variant-numeric: tabular-nums; }
.move { margin: 0.6rem 0 1.2rem; padding-top: 0.4rem; border-top: 1px solid var(--spice-line); }
${chartStyle}`;

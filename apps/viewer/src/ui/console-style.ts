// The look of a console over the desktop, and what its terminal needs to be laid out.

export const consoleStyle = `
.console {
  position: absolute;
  inset: auto 0.75rem 0.75rem 0.75rem;
  width: fit-content;
  max-width: calc(100% - 1.5rem);
  max-height: calc(100% - 1.5rem);
  box-sizing: border-box;
  margin: auto;
  overflow: auto;
  border-radius: 0.8rem;
  background: #11151c;
  color: #e5e7eb;
  box-shadow: 0 8px 40px rgb(0 0 0 / 0.5);
  z-index: 3;
}
.console header {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0.5rem;
  padding: 0.4rem 0.5rem 0.4rem 0.9rem;
  background: var(--spice-surface);
  color: var(--spice-text);
}
.console h2 { margin: 0; font-size: 0.9375rem; font-weight: 600; }
.console header .muted { flex: 1; color: var(--spice-muted); font-size: 0.8125rem; }
.terminal { padding: 0.5rem; }
.xterm { position: relative; cursor: text; user-select: none; -webkit-user-select: none; outline: none; }
.xterm .xterm-helpers { position: absolute; top: 0; z-index: 5; }
.xterm .xterm-helper-textarea {
  position: absolute;
  left: -9999em;
  top: 0;
  width: 0;
  height: 0;
  margin: 0;
  padding: 0;
  border: 0;
  opacity: 0;
  z-index: -5;
  white-space: nowrap;
  overflow: hidden;
  resize: none;
}
.xterm .composition-view { display: none; position: absolute; background: #000; color: #fff; white-space: nowrap; z-index: 1; }
.xterm .composition-view.active { display: block; }
.xterm .xterm-viewport { position: absolute; inset: 0; background: transparent; }
.xterm .xterm-screen { position: relative; }
.xterm .xterm-char-measure-element, .xterm-width-cache-measure-container {
  position: absolute;
  top: 0;
  left: -9999em;
  visibility: hidden;
  line-height: normal;
}
.xterm .xterm-accessibility:not(.debug), .xterm .xterm-message { position: absolute; inset: 0; z-index: 10; color: transparent; pointer-events: none; }
.xterm .live-region { position: absolute; left: -9999px; width: 1px; height: 1px; overflow: hidden; }
.xterm-dim { opacity: 1 !important; }
.xterm-underline-1 { text-decoration: underline; }
.xterm-overline { text-decoration: overline; }
.xterm-strikethrough { text-decoration: line-through; }
.xterm .xterm-scrollable-element > .scrollbar { cursor: default; }
.xterm .xterm-scrollable-element > .scrollbar > .slider { background: rgb(255 255 255 / 0.25); }
.xterm .xterm-scrollable-element > .invisible { opacity: 0; pointer-events: none; }
.xterm .xterm-scrollable-element > .visible { opacity: 1; z-index: 11; }
`;

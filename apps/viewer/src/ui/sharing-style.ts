// The look of files on their way and of the clipboard by hand.

export const sharingStyle = `
.transfers {
  position: absolute;
  inset: auto 0.75rem 0.75rem auto;
  display: grid;
  gap: 0.4rem;
  width: min(20rem, calc(100% - 1.5rem));
  max-height: 60%;
  overflow: auto;
  z-index: 2;
}
.transfer {
  display: flex;
  align-items: start;
  gap: 0.5rem;
  padding: 0.6rem 0.5rem 0.6rem 0.8rem;
  border-radius: 0.7rem;
  background: var(--spice-surface);
  box-shadow: 0 4px 20px rgb(0 0 0 / 0.3);
}
.transfer[data-phase="failed"] { box-shadow: inset 3px 0 0 var(--spice-warning), 0 4px 20px rgb(0 0 0 / 0.3); }
.transfer[data-phase="done"] { box-shadow: inset 3px 0 0 var(--spice-good), 0 4px 20px rgb(0 0 0 / 0.3); }
.about { display: grid; flex: 1; min-width: 0; gap: 0.15rem; }
.about span { overflow: hidden; text-overflow: ellipsis; }
.about span:first-child { font-weight: 600; white-space: nowrap; }
.about .muted { color: var(--spice-muted); font-size: 0.8125rem; }
.about progress { width: 100%; accent-color: var(--spice-accent); }
.dismiss {
  min-width: 2rem;
  min-height: 2rem;
  border: 0;
  border-radius: 0.5rem;
  background: transparent;
  color: var(--spice-muted);
  font: inherit;
  font-size: 1.1rem;
  cursor: pointer;
}
.dismiss:hover { background: color-mix(in srgb, var(--spice-text) 10%, transparent); }
.drop-hint {
  position: absolute;
  inset: 0.75rem;
  display: grid;
  place-items: center;
  border: 3px dashed var(--spice-accent);
  border-radius: 1rem;
  background: var(--spice-shade);
  color: #fff;
  font-size: 1.15rem;
  pointer-events: none;
  z-index: 3;
}
.menu textarea.clipboard {
  display: block;
  width: calc(100% - 0.8rem);
  box-sizing: border-box;
  margin: 0.2rem 0.4rem;
  padding: 0.4rem 0.5rem;
  border: 1px solid var(--spice-line);
  border-radius: 0.5rem;
  background: transparent;
  color: inherit;
  font: inherit;
  resize: vertical;
}
.menu p.muted { margin: 0.4rem; color: var(--spice-muted); }
`;

// The look of the chart of a move, in the viewer's details and wherever an embedder shows it.

export const chartStyle = `
.chart { display: block; width: 100%; height: auto; margin-top: 0.4rem; }
.chart text { fill: var(--spice-text); font-size: 11px; }
.chart .axis { fill: var(--spice-muted); font-size: 10px; }
.chart .grid { stroke: var(--spice-line); stroke-width: 1; }
.chart .linking { fill: color-mix(in srgb, var(--spice-accent) 45%, transparent); }
.chart .ready { fill: color-mix(in srgb, var(--spice-muted) 35%, transparent); }
.chart .switching { fill: var(--spice-accent); }
.chart .travelling { fill: color-mix(in srgb, var(--spice-muted) 55%, transparent); }
.chart .held { fill: #8b5cf6; }
.chart .kept { fill: var(--spice-good); }
.chart .rebuilt { fill: var(--spice-warning); }
.chart .lost, .chart .trouble { fill: #dc2626; }
.chart .gap { fill: none; stroke: var(--spice-warning); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; margin: 0.3rem 0; color: var(--spice-muted); font-size: 0.8125rem; }
.legend span::before { content: ""; display: inline-block; width: 0.7rem; height: 0.7rem; margin-inline-end: 0.35rem; border-radius: 0.2rem; }
.legend .linking::before { background: color-mix(in srgb, var(--spice-accent) 45%, transparent); }
.legend .ready::before { background: color-mix(in srgb, var(--spice-muted) 35%, transparent); }
.legend .switching::before { background: var(--spice-accent); }
.legend .travelling::before { background: color-mix(in srgb, var(--spice-muted) 55%, transparent); }
.legend .held::before { background: #8b5cf6; }
.legend :is(.gap, .rebuilt)::before { background: var(--spice-warning); }
.legend .kept::before { background: var(--spice-good); }
`;

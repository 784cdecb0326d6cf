// What two peers agreed on, as far as it changes the layout of messages.

/** Names that `given` fields ask for: capabilities and options. */
export type Context = ReadonlySet<string>;

export const emptyContext: Context = new Set();

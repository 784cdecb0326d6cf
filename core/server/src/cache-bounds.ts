// How much a server keeps account of, whatever a client offers and another server says.

/** Pixels of an image cache. */
export const cachePixelsMax = 1 << 25;

/** Pixels of a GLZ window: the server keeps a copy of every one. */
export const glzWindowPixelsMax = 1 << 22;

/** Ids of GLZ images stay exact as numbers. */
export const glzIdMax = 2n ** 52n;

/** Parts of the account of a session for another server. */
export const cachesPartsMax = 255;

/** Image caches, or GLZ windows, of one session that move to another server. */
export const movedCachesMax = 8;

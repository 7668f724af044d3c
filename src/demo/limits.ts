// Limits of Neptune's API, as far as its official clients show them by keeping to them.

export const MAX_PAGE = 10_000;
/** Where a request doesn't say. */
export const DEFAULT_PAGE = 1_000;
export const MAX_SERIES = 10_000;
export const MAX_POINTS = 1_000_000;
/** Bytes of attribute names in a request, each run counting 50. */
export const MAX_NAME_BYTES = 220_000;
export const MAX_REGEX_BYTES = 120_000;
export const MAX_PROJECTION = 1_000;
export const MAX_SIGNED_FILES = 200;
/** A page of string, histogram and file series. */
export const SERIES_PAGE_POINTS = 1_000;
export const SERIES_PAGE_BYTES = 1 << 20;

/** Doubles for tests. */
export {};

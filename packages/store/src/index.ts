/** The store's door. */
export {};

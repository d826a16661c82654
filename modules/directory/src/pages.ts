/** Pages of lists: one row more than asked for is read, and its presence says that there is a next page. */
export interface Page<T> {
  readonly items: readonly T[];
  /** For `after` of the next page; absent on the last. */
  readonly next?: string;
}

export const LIST_LIMIT = 100;

export function pageOf<T>(items: readonly T[], limit: number, cursorOf: (last: T) => string): Page<T> {
  if (items.length <= limit) return { items };
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  return last === undefined ? { items: shown } : { items: shown, next: cursorOf(last) };
}

/** A cursor for lists that go by a time and an id, newest first. */
export function timeCursor(ms: number, id: string): string {
  return `${ms}.${id}`;
}

/** Where to go on; above everything without one, or with one that is none. */
export function fromTimeCursor(after: string | undefined): { readonly ms: number; readonly id: string } {
  const match = /^(\d{1,15})\.(.{1,64})$/.exec(after ?? '');
  return match ? { ms: Number(match[1]), id: match[2] ?? '' } : { ms: Number.MAX_SAFE_INTEGER, id: '' };
}

/** What a search looks for, as a lower-case text without meaning to LIKE; null: everything. */
export function searchText(search: string | undefined): string | null {
  return search === undefined || search === '' ? null : search.toLowerCase();
}

/**
 * What the screens of people, keys and secrets share: questions that are asked again when the directory says that something of their kind changed, and
 * what a failure means. Deciding who may see a screen is the server's; the screen says what it answered.
 */
import type { DirectoryChange } from '@trunkline/contracts/directory';
import { useDebouncedValue } from '@mantine/hooks';
import { useRef, useState } from 'react';
import { useAsked, type Asked, type Params, type Result } from '../asked.js';
import { useStream } from '../live.js';
import { usePages, type Pages } from '../parts/pages.js';

type DirectoryList =
  | 'directory.members'
  | 'directory.invitations'
  | 'directory.groups'
  | 'directory.keys'
  | 'directory.secrets'
  | 'directory.secretKeys'
  | 'directory.orgs'
  | 'directory.users'
  | 'directory.audit'
  | 'directory.sessions';

/** Changes of other nodes and other orgs do not arrive as changes here. */
const REFRESH_MS = 10_000;
const PAUSE_MS = 250;
export const PAGE_SIZE = 50;

export const SOURCE = `the directory, on change and every ${REFRESH_MS / 1_000} s`;

export interface Searched {
  /** As typed. */
  readonly search: string;
  readonly setSearch: (search: string) => void;
  /** As asked for, once nothing was typed for a moment. */
  readonly text: string;
  readonly pages: Pages;
  /** What a list is asked for by. */
  readonly by: { readonly limit: number; readonly search?: string; readonly after?: string };
}

/** Words that a list of the directory is narrowed by, and the page of what they leave. */
export function useSearched(): Searched {
  const [search, setSearch] = useState('');
  const [text] = useDebouncedValue(search.trim(), PAUSE_MS);
  const pages = usePages(text);
  const by = {
    limit: PAGE_SIZE,
    ...(text !== '' && { search: text }),
    ...(pages.after !== undefined && { after: pages.after }),
  };
  return { search, setSearch, text, pages, by };
}

/** A list of the directory. */
export function useKept<M extends DirectoryList>(method: M, params: Params<M> | null): Asked<Result<M>> {
  return useAsked(method, params, REFRESH_MS, { keep: true });
}

/** Calls `onChange` when something of these kinds changed in the org, or may have: once for what comes in one turn. */
export function useChanges(kinds: readonly DirectoryChange['kind'][], onChange: () => void): void {
  const told = useRef({ kinds, onChange, waiting: false });
  told.current.kinds = kinds;
  told.current.onChange = onChange;
  const tell = (): void => {
    if (told.current.waiting) return;
    told.current.waiting = true;
    setTimeout(() => {
      told.current.waiting = false;
      told.current.onChange();
    }, GATHER_MS);
  };
  useStream(
    'directory:changes',
    ({ data }) => told.current.kinds.includes((data as DirectoryChange).kind) && tell(),
    tell,
  );
}

/** An import of a thousand members is not a thousand questions. */
const GATHER_MS = 150;

export type Problem = 'forbidden' | 'absent' | 'failed';

const PERMISSION_DENIED = 103;
const METHOD_NOT_FOUND = 104;
const NOT_AVAILABLE = 108;

/** What a failed question means for the screen. Pure. */
export function problemOf(error: Error): Problem {
  const code = 'code' in error ? error.code : undefined;
  if (code === PERMISSION_DENIED) return 'forbidden';
  return code === METHOD_NOT_FOUND || code === NOT_AVAILABLE ? 'absent' : 'failed';
}

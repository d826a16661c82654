/** What stands on a screen of the directory while there is no list to show: not yet asked, refused, not kept here, failed, empty. */
import type { ReactNode } from 'react';
import { DatabaseZap, Lock } from 'lucide-react';
import type { Asked } from '../asked.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { problemOf } from './directory.js';

export function Kept<T>({
  asked,
  what,
  who = 'administrators of the org',
  isEmpty,
  empty,
  children,
}: {
  readonly asked: Asked<T>;
  /** `the members`. */
  readonly what: string;
  /** Whom it is for. */
  readonly who?: string;
  readonly isEmpty: (data: T) => boolean;
  readonly empty: ReactNode;
  readonly children: (data: T) => ReactNode;
}) {
  const { data, error, ask } = asked;
  if (data !== undefined) return isEmpty(data) ? empty : children(data);
  if (error === undefined) return <Waiting label={`Loading ${what}`} rows={5} />;
  switch (problemOf(error)) {
    case 'forbidden':
      return (
        <Empty icon={Lock} title="Not for you">
          {capital(what)} are for {who}. Somebody who is one can give you the role.
        </Empty>
      );
    case 'absent':
      return (
        <Empty icon={DatabaseZap} title="This server keeps no directory">
          Orgs, people, keys and secrets are kept in the store, and this server runs without one.
        </Empty>
      );
    case 'failed':
      return <Failure title={`${capital(what)} cannot be read`} reason={error.message} retry={ask} />;
  }
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

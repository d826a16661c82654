/**
 * How a module stands on the store (docs/spec/store.md, "A module on the store"): tables of its own, and a command that adds a row, tells everybody who is
 * subscribed, and happens once however often it is called. The three are one unit: none is there without the others.
 */
import { channelKey, type ChannelKey, type Position } from '@trunkline/protocol';
import { expecting, sql, type MigrationSet, type Store } from '@trunkline/store';
import { build, createBuilder } from '@trunkline/store/builder';
import { codeOf, createTestStore, type TestStore } from '@trunkline/store/testing';
import { CodedError } from '@trunkline/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

// migrations/index.ts: an owner, a list, names that begin with the owner's.
const NOTES_MIGRATIONS: MigrationSet = {
  owner: 'notes',
  migrations: [
    {
      name: '001-notes',
      phase: 'expand',
      statements: [
        `CREATE TABLE notes_notes (
           org text COLLATE "C" NOT NULL,
           id text COLLATE "C" NOT NULL,
           author text NOT NULL,
           body text NOT NULL,
           version integer NOT NULL DEFAULT 1,
           created_ms bigint NOT NULL,
           PRIMARY KEY (org, id)
         )`,
      ],
    },
  ],
};

interface Tables {
  readonly notes_notes: {
    org: string;
    id: string;
    author: string;
    body: string;
    version: number;
    created_ms: number;
  };
}

interface Caller {
  readonly org: string;
  readonly user: string;
}

// store-sql.ts and service.ts: decisions in front, statements behind, one unit per command.
function createNotes(store: Store, now: () => number) {
  const channel = (org: string): ChannelKey => channelKey(org, 'notes:all');
  const builder = createBuilder<Tables>();
  return {
    /** Adds a note. A repeat with the same key answers what the first call answered. */
    add: async (
      caller: Caller,
      params: { readonly id: string; readonly body: string },
      idempotencyKey: string,
    ) => {
      const { id, body } = params;
      const call = {
        org: caller.org,
        principal: caller.user,
        method: 'notes.add',
        key: idempotencyKey,
        request: params,
      };
      const { result } = await store.idempotency.run(call, () => ({
        statements: [
          sql`INSERT INTO notes_notes (org, id, author, body, created_ms) VALUES (${caller.org}, ${id}, ${caller.user}, ${body}, ${now()})`,
          store.channels.append(channel(caller.org), JSON.stringify({ added: id, body }), {
            historySize: 100,
          }),
        ],
        result: ([, position]) => ({ id, position: { epoch: position.epoch, offset: position.offset } }),
      }));
      return result;
    },
    /** Changes a note that is still the version the caller saw; 1003 otherwise, 1004 where there is none. */
    edit: async (caller: Caller, id: string, version: number, body: string): Promise<Position> => {
      const exists = sql`SELECT 1 FROM notes_notes WHERE org = ${caller.org} AND id = ${id} FOR UPDATE`;
      const change = sql`UPDATE notes_notes SET body = ${body}, version = version + 1 WHERE org = ${caller.org} AND id = ${id} AND version = ${version}`;
      const [, , position] = await store.commit({
        statements: [
          expecting(exists, 1, () => new CodedError('notFound', 'note')),
          expecting(change, 1, () => new CodedError('conflict', 'version')),
          store.channels.append(channel(caller.org), JSON.stringify({ edited: id, body }), {
            historySize: 100,
          }),
        ],
      });
      return position;
    },
    list: (org: string) =>
      store.read(
        build(
          builder
            .selectFrom('notes_notes')
            .select(['id', 'body', 'version'])
            .where('org', '=', org)
            .orderBy('id')
            .limit(100),
        ),
      ),
    channel,
  };
}

describe('a module on the store', () => {
  let kit: TestStore;
  beforeAll(async () => void (kit = await createTestStore([NOTES_MIGRATIONS])));
  afterEach(() => kit.reset());
  afterAll(() => kit.dispose());
  const ada: Caller = { org: 'acme', user: 'ada' };

  it('[STORE-95] effect, publication and result are one unit', async () => {
    const { store } = kit;
    const notes = createNotes(store, () => 1_700_000_000_000);
    const first = await notes.add(ada, { id: 'n1', body: 'hello' }, 'key-1');
    expect(await notes.add(ada, { id: 'n1', body: 'hello' }, 'key-1')).toEqual(first);
    expect(await notes.add(ada, { id: 'n1', body: 'other' }, 'key-1').catch(codeOf)).toBe(1105);
    expect(await notes.add(ada, { id: 'n1', body: 'again' }, 'key-2').catch(codeOf)).toBe(1003);
    expect(await notes.list('acme')).toEqual([{ id: 'n1', body: 'hello', version: 1 }]);
    const { publications, position } = await store.channels.read(notes.channel('acme'), undefined, 10, false);
    expect(publications.map(({ data }) => data)).toEqual(['{"added":"n1","body":"hello"}']);
    expect(position).toEqual(first.position);
  });

  it('[STORE-95] a command that does not hold leaves neither row nor publication', async () => {
    const { store } = kit;
    const notes = createNotes(store, () => 1_700_000_000_000);
    await notes.add(ada, { id: 'n1', body: 'hello' }, 'key-1');
    expect(await notes.edit(ada, 'n1', 2, 'too early').catch(codeOf)).toBe(1003);
    expect(await notes.edit(ada, 'n2', 1, 'nowhere').catch(codeOf)).toBe(1004);
    expect((await notes.edit(ada, 'n1', 1, 'edited')).offset).toBe(2);
    expect(await notes.list('acme')).toEqual([{ id: 'n1', body: 'edited', version: 2 }]);
  });

  it('[STORE-96] a test store is emptied between tests', async () => {
    const notes = createNotes(kit.store, () => 1);
    expect(await notes.list('acme')).toEqual([]);
    expect((await notes.add(ada, { id: 'n1', body: 'x' }, 'key-1')).position.offset).toBe(1);
  });
});

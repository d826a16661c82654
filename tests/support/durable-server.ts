/** A server with the counter module on either engine of the store, and what is true of a counter whatever happened to it. */
import { fileURLToPath } from 'node:url';
import { startPostgres, type Kit, type PostgresServer, type TestServer } from '@trunkline/testkit';
import { expect } from 'vitest';

export const ENGINES = ['PGlite', 'PostgreSQL'] as const;
export type Engine = (typeof ENGINES)[number];

const SCRIPT = fileURLToPath(new URL('counter-server.mjs', import.meta.url));

export interface DurableServer {
  readonly server: TestServer;
  /** Absent on PGlite, and where another store was given. */
  readonly postgres: PostgresServer | undefined;
}

export interface DurableServerOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly config?: object;
  /** Where the store is reached instead: another node's, or the way through a proxy. */
  readonly storeUrl?: string;
}

export async function startDurableServer(
  kit: Kit,
  engine: Engine,
  { env = {}, config = {}, storeUrl }: DurableServerOptions = {},
): Promise<DurableServer> {
  const postgres =
    engine === 'PostgreSQL' && storeUrl === undefined ? kit.use(await startPostgres()) : undefined;
  const url = storeUrl ?? postgres?.url;
  const open = { allowSubscribe: ['anonymous'], allowPublish: ['anonymous'], allowHistory: ['anonymous'] };
  const server = await kit.server({
    script: SCRIPT,
    apiKey: 'test-api-key-123456',
    env: { ...env, ...(url === undefined ? {} : { TRUNKLINE_STORE_URL: url }) },
    // A first start makes a database.
    readyTimeoutMs: 60_000,
    config: {
      auth: { defaultOrg: 'acme', allowAnonymous: true },
      api: { keys: [{ name: 'test', org: 'acme', key: 'test-api-key-123456' }] },
      client: {
        pingInterval: '1s',
        pongTimeout: '500ms',
        recoveryMaxPublications: 20_000,
        recoveryMaxBytes: '16MiB',
      },
      channels: {
        namespaces: [
          { name: 'kept', class: 'durable', historySize: 10_000, forceRecovery: true, ...open },
          { name: 'live', historySize: 10, ...open },
        ],
      },
      log: { level: 'warn' },
      ...config,
    },
  });
  return { server, postgres };
}

interface CounterEvent {
  readonly by: number;
  readonly note: string;
}

/** Every event of a counter, in order. */
export async function readEvents(server: TestServer, id: string): Promise<readonly CounterEvent[]> {
  const events: CounterEvent[] = [];
  let since: object | undefined;
  for (;;) {
    const { body } = await server.api('history', {
      channel: `counter:${id}`,
      limit: 1_000,
      ...(since ? { since } : {}),
    });
    const { publications, epoch } = body.result as {
      publications: { data: CounterEvent; offset: number }[];
      epoch: string;
    };
    events.push(...publications.map(({ data }) => data));
    const last = publications.at(-1);
    if (!last) return events;
    since = { offset: last.offset, epoch };
  }
}

/** The value is the sum of the events, and the events are exactly the commands: each once. */
export async function verifyCounter(
  server: TestServer,
  id: string,
  commands: readonly CounterEvent[],
): Promise<readonly CounterEvent[]> {
  const events = await readEvents(server, id);
  const { body } = await server.api('rpc', { method: 'counter.get', params: { id } });
  const { value } = (body.result as { data: { value: number } }).data;
  expect(value).toBe(events.reduce((sum, { by }) => sum + by, 0));
  const byNote = (a: CounterEvent, b: CounterEvent): number => (a.note < b.note ? -1 : 1);
  expect([...events].sort(byNote)).toEqual([...commands].sort(byNote));
  return events;
}

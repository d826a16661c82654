/**
 * A module of an application's own: counters that are added to. Each addition is one transaction of three things, the new value in the module's
 * table, the event on the durable channel `counter:<id>`, and the key of the call with its answer. So the value always equals the sum of the
 * events, and a call that is repeated after a lost answer, or a killed server, adds nothing.
 */
import { defineContract, paramsSchema } from '@trunkline/contracts';
import { defineModule } from '@trunkline/hub';
import { sql } from '@trunkline/store';
import { z } from 'zod';

const id = z.string().min(1).max(64);

export const counterContract = defineContract({
  id: 'counter',
  rpc: {
    'counter.add': {
      params: z.object({ id, by: z.int(), note: z.string().max(64).optional() }),
      result: z.object({ value: z.int() }),
      summary: 'Adds to a counter and answers its new value.',
      idempotent: true,
    },
    'counter.get': {
      params: z.object({ id }),
      result: z.object({ value: z.int() }),
      summary: 'The value of a counter; 0 where nothing was added yet.',
    },
  },
  channels: {
    counter: {
      pattern: 'counter:{id}',
      type: 'stream',
      data: z.object({ by: z.int(), note: z.string().optional() }),
      summary: 'What was added to a counter, in order.',
    },
  },
  errors: {},
});

/** @type {import('@trunkline/store').MigrationSet} tables of a module begin with its name */
const MIGRATIONS = {
  owner: 'counter',
  migrations: [
    {
      name: '001-values',
      phase: 'expand',
      statements: [
        'CREATE TABLE counter_values (org text NOT NULL, id text NOT NULL, value bigint NOT NULL, PRIMARY KEY (org, id))',
      ],
    },
  ],
};

/** @param {import('@trunkline/server').ModuleServices} services */
export function counterModule({ store }) {
  if (!store) throw new Error('the counter module needs a store');
  store.register(MIGRATIONS);

  /** @type {import('@trunkline/hub').RpcMethod} */
  const add = {
    params: paramsSchema(counterContract.rpc['counter.add']),
    idempotent: true,
    handle: (params, { principal: { org } }) => {
      const { id, by, note } = /** @type {{ id: string, by: number, note?: string }} */ (params);
      return {
        commit: {
          statements: [
            sql`INSERT INTO counter_values AS c (org, id, value) VALUES (${org}, ${id}, ${by})
                ON CONFLICT (org, id) DO UPDATE SET value = c.value + EXCLUDED.value RETURNING value`,
          ],
          publications: [{ channel: `counter:${id}`, data: JSON.stringify({ by, note }) }],
        },
        toResult: ([added]) => ({ value: valueOf(added) }),
      };
    },
  };

  /** @type {import('@trunkline/hub').RpcMethod} */
  const get = {
    params: paramsSchema(counterContract.rpc['counter.get']),
    handle: async (params, { principal: { org } }) => {
      const { id } = /** @type {{ id: string }} */ (params);
      return {
        result: {
          value: valueOf(
            await store.read(sql`SELECT value FROM counter_values WHERE org = ${org} AND id = ${id} LIMIT 1`),
          ),
        },
      };
    },
  };

  return defineModule({
    id: 'counter',
    start: () => ({
      namespaces: [
        {
          options: {
            name: 'counter',
            class: 'durable',
            historySize: 10_000,
            forceRecovery: true,
            allowSubscribe: ['user', 'anonymous'],
            allowHistory: ['user', 'anonymous'],
          },
        },
      ],
      rpc: { 'counter.add': add, 'counter.get': get },
    }),
  })(undefined);
}

/** @param {unknown} result of a statement that gives at most one row */
function valueOf(result) {
  const { rows } = /** @type {import('@trunkline/store').SqlResult} */ (result);
  return Number(rows[0]?.['value'] ?? 0);
}

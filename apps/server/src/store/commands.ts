/**
 * Calls that happen once, on the store: what a method wants committed, the publications that show it, its result and the key of the call go into one
 * transaction. The store's own codes for keys become those of the wire.
 */
import type { CommandStore, EffectOutcome, EffectRequest, KeyedCall, Published } from '@trunkline/hub';
import { CodedError, type Position } from '@trunkline/protocol';
import { STORE_CODES, type JsonValue, type Statement, type Store } from '@trunkline/store';
import type { ServerStore } from './server-store.js';

/** What is kept under a key. */
interface Kept {
  readonly result: unknown;
  readonly published: readonly Published[];
}

/** How long a call takes is the hub's matter (`client.rpcTimeout`); what it waits for is not: it ends where the store goes down. */
const NO_DEADLINE = Infinity;

export function createCommandStore(store: Pick<ServerStore, 'use'>): CommandStore {
  return {
    commit: (request) => store.use('commit', (opened) => commit(opened, request), NO_DEADLINE),
    once: (call, prepare) =>
      store
        .use('commit', (opened) => once(opened, call, prepare), NO_DEADLINE)
        .catch((cause: unknown) => {
          throw toWire(cause);
        }),
  };
}

async function commit(store: Store, request: EffectRequest): Promise<EffectOutcome> {
  const { statements, kept } = toStatements(store, request);
  if (statements.length === 0) return { ...kept([]), repeated: false };
  const { finish } = ofOwn(request);
  const results = await store.commit({ statements, ...(finish ? { finish } : {}) });
  return { ...kept(results), repeated: false };
}

async function once(
  store: Store,
  { user, params, ...call }: KeyedCall,
  prepare: () => Promise<EffectRequest>,
): Promise<EffectOutcome> {
  const { result, repeated } = await store.idempotency.run(
    { ...call, principal: user, request: params },
    async () => {
      const request = await prepare();
      const { statements, kept } = toStatements(store, request);
      const { finish } = ofOwn(request);
      // The result is JSON, or it could not travel; the store writes it as such.
      const toKept = (results: readonly unknown[]): JsonValue => kept(results) as unknown as JsonValue;
      return {
        statements,
        result: statements.length === 0 ? toKept([]) : toKept,
        ...(finish ? { finish } : {}),
      };
    },
  );
  return { ...(result as unknown as Kept), repeated };
}

/** The module's statements, then one that appends all its publications; and what comes of the results. */
function toStatements(
  { channels }: Store,
  { statements, publications, toResult, published }: EffectRequest,
): {
  readonly statements: readonly Statement<unknown>[];
  readonly kept: (results: readonly unknown[]) => Kept;
} {
  const count = statements.length;
  const appending = publications.length > 0 ? [channels.appendAll(publications)] : [];
  return {
    statements: [...statements, ...appending],
    kept: (results) => {
      const positions = (results[count] ?? []) as readonly Position[];
      return {
        result: toResult(results.slice(0, count)),
        published: [
          ...published,
          ...positions.map((position, index) => ({
            channel: publications[index]?.channel ?? '',
            ...position,
          })),
        ],
      };
    },
  };
}

/** `finish` sees the results of the module's own statements. */
function ofOwn({ statements, finish }: EffectRequest) {
  return { finish: finish && ((results: readonly unknown[]) => finish(results.slice(0, statements.length))) };
}

function toWire(cause: unknown): unknown {
  if (!(cause instanceof CodedError)) return cause;
  if (cause.code === STORE_CODES.idempotencyMismatch.code)
    return new CodedError('keyMismatch', undefined, { cause });
  if (cause.code === STORE_CODES.idempotencyPending.code)
    return new CodedError('keyPending', undefined, { cause });
  if (cause.code === STORE_CODES.sequencePassed.code) return new CodedError('overtaken', 'seq', { cause });
  return cause;
}

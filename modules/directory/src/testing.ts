/** A directory on a real store, of either engine, with a clock of its own: what the tests of this folder share. */
import { createSystemRandom, silentLogger, type Logger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import type { Store } from '@trunkline/store';
import { createDirectory, type Directory } from './directory.js';
import { makeSecretsKey } from './keyring.js';
import type { DirectoryOptions } from './options.js';
import type { Actor } from './types.js';

export const OPERATOR: Actor = {
  user: 'root',
  org: 'acme',
  roles: ['operator', 'admin'],
  requestId: 'req-1',
  address: '192.0.2.1',
};
export const ADMIN: Actor = { ...OPERATOR, user: 'ada', roles: ['admin'] };

export interface Bench {
  readonly directory: Directory;
  readonly clock: FakeClock;
  /** Fails every use while set. */
  readonly fault: { cause?: Error };
}

export interface BenchOptions {
  readonly options?: Partial<DirectoryOptions>;
  readonly secretsKeys?: readonly Uint8Array[];
  readonly keepSecretsKeys?: (keys: readonly Uint8Array[]) => Promise<void>;
  readonly logger?: Logger;
  readonly clock?: FakeClock;
}

const DEFAULT_KEY = makeSecretsKey();

/** One node's directory on the store; several stand for several nodes. */
export function openBench(store: Store, given: BenchOptions = {}): Bench {
  const { secretsKeys = [DEFAULT_KEY], logger = silentLogger, clock = new FakeClock() } = given;
  const fault: { cause?: Error } = {};
  const directory = createDirectory(
    {
      clock,
      random: createSystemRandom(),
      logger,
      store: {
        read: (statement) => store.read(statement),
        use: (_kind, work) => (fault.cause ? Promise.reject(fault.cause) : work(store)),
      },
      secretsKeys,
      keepSecretsKeys: given.keepSecretsKeys,
    },
    given.options,
  );
  return { directory, clock, fault };
}

/** An org `acme` and users of it, as sign-in makes them. */
export async function seed({ directory }: Bench, users: readonly string[] = ['ada']): Promise<void> {
  await directory.orgs.create(OPERATOR, 'acme', {}, undefined);
  for (const user of users)
    await directory.signIn.withProvider(
      {
        issuer: 'https://id.example',
        subject: user,
        user,
        email: `${user}@example.com`,
        name: user.toUpperCase(),
        grants: [{ org: 'acme', roles: ['member'] }],
        operator: false,
      },
      OPERATOR,
    );
}

/** A store on which a call waits where a test says, once: for what happens between two steps of it. */
export function withGate(
  store: Store,
  isMeant: (statements: readonly { readonly sql: string }[]) => boolean,
): { readonly store: Store; readonly reached: Promise<void>; open(): void } {
  let reach = (): void => undefined;
  let open = (): void => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const opened = new Promise<void>((resolve) => (open = resolve));
  let isUsed = false;
  const pass = async (statements: readonly { readonly sql: string }[]): Promise<void> => {
    if (isUsed || !isMeant(statements)) return;
    isUsed = true;
    reach();
    await opened;
  };
  const gated = new Proxy(store, {
    get: (target, property) => {
      if (property === 'commit')
        return async (unit: Parameters<Store['commit']>[0]) => {
          await pass(unit.statements);
          return target.commit(unit);
        };
      if (property === 'read')
        return async (statement: Parameters<Store['read']>[0]) => {
          const result = await target.read(statement);
          // What was read is old by the time that it is answered.
          await pass([statement]);
          return result;
        };
      return Reflect.get(target, property, target) as unknown;
    },
  });
  return { store: gated, reached, open };
}

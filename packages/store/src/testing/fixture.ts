/** What the contract suite needs of an engine, and what its rules are given. */
import { createSystemRandom, type Logger, type Random } from '@trunkline/base';
import { MemoryLogger } from '@trunkline/base/testing';
import { channelKey, type ChannelKey } from '@trunkline/protocol';
import type { Session } from '../engine.js';
import type { DatabaseOptions, StoreOptions } from '../options.js';
import { openStore } from '../store.js';
import type { MigrationSet } from '../migrations/types.js';
import type { Store } from '../types.js';
import { ShiftableClock } from './clock.js';

/** An engine under test. Made once for the suite. */
export interface StoreFixture {
  /** A new, empty database; the options open it again as often as wanted. */
  database(): Promise<DatabaseOptions>;
  dispose(): Promise<void>;
}

/** Tables that the rules use: accounts with a balance that never goes below zero, and a log. */
export const BANK: MigrationSet = {
  owner: 'bank',
  migrations: [
    {
      name: '001-accounts',
      phase: 'expand',
      statements: [
        `CREATE TABLE bank_accounts (
           name text COLLATE "C" PRIMARY KEY,
           balance bigint NOT NULL CONSTRAINT bank_covered CHECK (balance >= 0)
         )`,
        `CREATE TABLE bank_log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text NOT NULL)`,
      ],
    },
  ],
};

export interface Opened {
  readonly store: Store;
  readonly clock: ShiftableClock;
  readonly logger: MemoryLogger;
}

/** What a rule gets. */
export interface Bench extends Opened {
  /** A name that no other rule uses. */
  name(): string;
  key(): ChannelKey;
  /** A store on a database of its own; it is disposed after the rule. */
  fresh(
    options?: Omit<StoreOptions, 'database'>,
    deps?: OpenDeps,
  ): Promise<Opened & { readonly database: DatabaseOptions }>;
  /** Opens a database (again). */
  open(database: DatabaseOptions, options?: Omit<StoreOptions, 'database'>, deps?: OpenDeps): Promise<Opened>;
}

export interface OpenDeps {
  readonly random?: Random;
  readonly logger?: Logger;
  readonly intercept?: (session: Session) => Session;
}

export type Rule = (bench: Bench) => Promise<void>;
export type Rules = Readonly<Record<string, Rule>>;

export async function openBank(
  database: DatabaseOptions,
  options: Omit<StoreOptions, 'database'> = {},
  deps: OpenDeps = {},
): Promise<Opened> {
  const clock = new ShiftableClock();
  const logger = new MemoryLogger();
  const store = await openStore(
    { clock, random: createSystemRandom(), logger, ...deps },
    { ...options, database },
  );
  await store.migrations.run([BANK]);
  return { store, clock, logger };
}

let names = 0;

export function freshName(): string {
  return `n${names++}`;
}

export function freshKey(): ChannelKey {
  return channelKey('acme', `inbox:${freshName()}`);
}

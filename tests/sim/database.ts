/**
 * The one database of a world, as much of one as the store needs: tables whose changes others see after the commit, locks on rows that are
 * held until the end of a transaction, savepoints. What statements say is `statements.ts`; how a node reaches it, and what goes wrong on the way, is
 * `database-engine.ts`.
 */
import type { SqlFailure } from '@trunkline/store/simulation';
import { channelKey, type ChannelKey } from '@trunkline/protocol';
import type { SimTime } from './time.js';
import type { Truth } from './truth.js';

export const TABLES = [
  'channels',
  'publications',
  'outbox',
  'lanes',
  'keys',
  'sequences',
  'effects',
] as const;
export type TableName = (typeof TABLES)[number];
export type Row = Readonly<Record<string, string | number | null>>;

/** How long a transaction waits for a row before it is taken for one of two that wait for each other. */
const LOCK_TIMEOUT_MS = 1_000;

/** What the database answers instead of a result. */
export class Refused extends Error {
  readonly failure: SqlFailure;
  constructor(sqlState: string, message: string) {
    super(message);
    this.failure = { sqlState, message };
  }
}

interface Lock {
  owner: Transaction;
  readonly waiting: (() => void)[];
}

/** An effect that was committed: whose, which, in this order. */
export interface CommittedEffect {
  readonly name: string;
  readonly org: string;
  readonly n: number;
}

export class Database {
  readonly time: SimTime;
  readonly tables: Record<TableName, Map<string, Row>>;
  /** In the order of their commits. */
  readonly effects: CommittedEffect[] = [];
  readonly #truth: Truth;
  readonly #locks = new Map<string, Lock>();
  readonly #numbers = { outbox: 0, effects: 0 };
  /** Publications that were handed to a broker. */
  readonly #dispatched = new Set<string>();
  /** Nodes that handed some to it. */
  readonly dispatchers = new Set<number>();
  /** Publications of all durable channels that were ever committed. */
  committed = 0;
  /** What was forgotten without that. */
  #forgotten: string | undefined;
  /** Called after a commit that asked for it. */
  onWake: () => void = () => undefined;

  constructor(time: SimTime, truth: Truth) {
    this.time = time;
    this.#truth = truth;
    this.tables = Object.fromEntries(
      TABLES.map((name) => [name, new Map()]),
    ) as unknown as typeof this.tables;
  }

  begin(): Transaction {
    return new Transaction(this);
  }

  /** From a sequence: what is rolled back leaves a hole. */
  nextNumber(of: 'outbox' | 'effects'): number {
    return ++this.#numbers[of];
  }

  /** Everybody sees the changes from now on. */
  apply(changes: ReadonlyMap<string, Row | null>): void {
    const published: Row[] = [];
    for (const [place, row] of changes) {
      const { table, key } = placeOf(place);
      const known = this.tables[table].get(key);
      if (row === null && table === 'outbox' && known !== undefined) this.#checkForgotten(known);
      if (row === null) this.tables[table].delete(key);
      else this.tables[table].set(key, row);
      if (row === null || known !== undefined) continue;
      if (table === 'channels')
        this.#truth
          .of(channelKey(text(row, 'org'), text(row, 'channel')))
          .enter(text(row, 'epoch'), this.time.monotonic());
      else if (table === 'publications') published.push(row);
      else if (table === 'effects')
        this.effects.push({ name: text(row, 'name'), org: text(row, 'org'), n: Number(row['n']) });
    }
    this.committed += published.length;
    for (const row of published.sort((left, right) => Number(left['offset']) - Number(right['offset']))) {
      const [org, channel] = [text(row, 'org'), text(row, 'channel')];
      const epoch = text(this.tables.channels.get(`${org} ${channel}`) ?? {}, 'epoch');
      const publication = { offset: Number(row['offset']), data: text(row, 'data') };
      this.#truth.of(channelKey(org, channel)).record(publication, epoch, this.time.monotonic());
    }
  }

  /** A broker took it from this node. */
  noteDispatched(key: ChannelKey, offset: number, node: number): void {
    this.dispatchers.add(node);
    this.#dispatched.add(`${key} ${offset}`);
  }

  #checkForgotten(row: Row): void {
    const [org, channel] = [text(row, 'org'), text(row, 'channel')];
    if (!this.#dispatched.has(`${channelKey(org, channel)} ${row['offset']}`))
      this.#forgotten ??= `publication ${row['offset']} of ${org}/${channel} was forgotten before it was dispatched`;
  }

  /** Resolves when `transaction` has the row; refuses it where that takes too long. */
  async lock(transaction: Transaction, place: string): Promise<void> {
    const giveUpAt = this.time.monotonic() + LOCK_TIMEOUT_MS;
    while (!this.tryLock(transaction, place)) {
      const lock = this.#locks.get(place) as Lock;
      await new Promise<void>((resolve) => {
        lock.waiting.push(resolve);
        this.time.setTimeout(resolve, LOCK_TIMEOUT_MS);
      });
      if (transaction.ended) throw new Refused('57P01', 'the session has ended');
      if (this.time.monotonic() >= giveUpAt) throw new Refused('40P01', 'deadlock detected');
    }
  }

  tryLock(transaction: Transaction, place: string): boolean {
    const lock = this.#locks.get(place);
    if (lock && lock.owner !== transaction) return false;
    if (!lock) this.#locks.set(place, { owner: transaction, waiting: [] });
    return true;
  }

  release(transaction: Transaction): void {
    for (const [place, lock] of [...this.#locks]) {
      if (lock.owner !== transaction) continue;
      this.#locks.delete(place);
      for (const go of lock.waiting) go();
    }
  }

  // ------------------------------------------------------------ invariants

  /** What must hold between any two transactions; undefined where it does. */
  findProblem(): string | undefined {
    if (this.#forgotten !== undefined) return this.#forgotten;
    const { channels, publications, outbox } = this.tables;
    for (const row of channels.values()) {
      const [org, channel] = [text(row, 'org'), text(row, 'channel')];
      const [top, size] = [Number(row['top']), Number(row['size'])];
      for (let offset = Math.max(1, top - size + 1); offset <= top; offset++)
        if (!publications.has(`${org} ${channel} ${offset}`))
          return `the store lost publication ${offset} of ${org}/${channel}, whose top is ${top}`;
      if (publications.has(`${org} ${channel} ${top + 1}`))
        return `the store holds a publication above the top ${top} of ${org}/${channel}`;
    }
    for (const row of outbox.values())
      if (!publications.has(`${row['org']} ${row['channel']} ${row['offset']}`))
        return `publication ${row['offset']} of ${row['org']}/${row['channel']} was deleted before it was dispatched`;
    return undefined;
  }
}

/** One transaction: its own changes over what is committed. Reads see what is committed at that moment, as READ COMMITTED does. */
export class Transaction {
  readonly #database: Database;
  #changes = new Map<string, Row | null>();
  readonly #savepoints = new Map<string, Map<string, Row | null>>();
  /** A statement failed: only going back helps. */
  failed = false;
  ended = false;
  wakes = false;

  constructor(database: Database) {
    this.#database = database;
  }

  get changed(): boolean {
    return this.#changes.size > 0;
  }

  get(table: TableName, key: string): Row | undefined {
    const changed = this.#changes.get(`${table} ${key}`);
    if (changed !== undefined) return changed ?? undefined;
    return this.#database.tables[table].get(key);
  }

  set(table: TableName, key: string, row: Row | null): void {
    this.#changes.set(`${table} ${key}`, row);
  }

  rows(table: TableName): Row[] {
    const all = new Map<string, Row | null>(this.#database.tables[table]);
    for (const [place, row] of this.#changes) {
      const own = placeOf(place);
      if (own.table === table) all.set(own.key, row);
    }
    return [...all.values()].filter((row) => row !== null);
  }

  lock(table: TableName, key: string): Promise<void> {
    return this.#database.lock(this, `${table} ${key}`);
  }

  tryLock(table: TableName, key: string): boolean {
    return this.#database.tryLock(this, `${table} ${key}`);
  }

  savepoint(name: string): void {
    this.#savepoints.set(name, new Map(this.#changes));
  }

  rollBackTo(name: string): void {
    const kept = this.#savepoints.get(name);
    if (!kept) throw new Refused('3B001', `no savepoint ${name}`);
    this.#changes = new Map(kept);
    this.failed = false;
  }

  commit(): void {
    if (this.ended) return;
    this.ended = true;
    if (!this.failed) {
      this.#database.apply(this.#changes);
      if (this.wakes) this.#database.onWake();
    }
    this.#database.release(this);
  }

  rollBack(): void {
    if (this.ended) return;
    this.ended = true;
    this.#database.release(this);
  }
}

function placeOf(place: string): { readonly table: TableName; readonly key: string } {
  const at = place.indexOf(' ');
  return { table: place.slice(0, at) as TableName, key: place.slice(at + 1) };
}

export function text(row: Row, field: string): string {
  const value = row[field];
  return value === null || value === undefined ? '' : String(value);
}

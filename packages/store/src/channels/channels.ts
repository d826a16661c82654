/**
 * Durable channels: numbered in the transaction of the effect that they tell of, kept by count and age, read through the store. Publishing is
 * not here: what a transaction appended waits in the outbox, which is dispatched after the commit.
 */
import { randomId, type Clock, type Random } from '@trunkline/base';
import { CodedError, splitChannelKey, type ChannelKey, type Position } from '@trunkline/protocol';
import { LANES } from '../migrations/tables.js';
import { decoding, type Row, type SqlResult, type Statement } from '../statement.js';
import type { Committing, Reading } from '../unit.js';
import { toPublication, toStoredInfo, toStoredTags } from './publication.js';
import { APPEND, ASK, CLEAR, DROP, LOCK_CHANNEL, READ, RENEW_EPOCHS, SWEEP } from './sql.js';
import type { DurableChannels, DurablePublication, HistoryPage } from './types.js';

export interface ChannelsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Committing & Reading;
}

export interface ChannelsOptions {
  /** Publications a channel keeps where the append does not say. Default 1,000. */
  readonly historySize: number;
  /** The most that an append may ask for, and the most that one read gives. Default 10,000. */
  readonly historyMaxSize: number;
  /** Milliseconds for which it keeps them where the append does not say; 0: as long as the size allows. Default 0. */
  readonly historyTtlMs: number;
}

export const CHANNELS_DEFAULTS: ChannelsOptions = {
  historySize: 1_000,
  historyMaxSize: 10_000,
  historyTtlMs: 0,
};

/** Channels of one page when all are walked. */
const RENEW_PAGE = 5_000;
const SWEEP_PAGE = 200;
/** Publications that one channel loses in one sweep at most. */
const SWEEP_EACH = 200;

/** An offset above every offset. */
const BEYOND = '9223372036854775807';

export class StoreChannels implements DurableChannels {
  readonly #deps: ChannelsDeps;
  readonly #options: ChannelsOptions;
  #sweptUpTo = { org: '', channel: '' };

  constructor(deps: ChannelsDeps, options: ChannelsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  append(
    key: ChannelKey,
    data: DurablePublication['data'],
    options: Omit<DurablePublication, 'key' | 'data'> = {},
  ): Statement<Position> {
    return decoding(
      this.appendAll([{ ...options, key, data }]),
      (result) => toPositions(result)[0] as Position,
    );
  }

  appendAll(publications: readonly DurablePublication[]): Statement<readonly Position[]> {
    const columns = publications.map((publication) => this.#toColumns(publication));
    const arrays = Array.from({ length: COLUMNS }, (_, column) => columns.map((row) => row[column]));
    return {
      sql: APPEND,
      parameters: [...arrays, this.#deps.clock.now()],
      decode: toPositions,
      wakes: true,
    };
  }

  async read(
    key: ChannelKey,
    since: Position | undefined,
    limit: number,
    reverse: boolean,
  ): Promise<HistoryPage> {
    const { org, channel } = splitChannelKey(key);
    const offset = since?.offset ?? 0;
    const statement: Statement<HistoryPage | undefined> = {
      sql: READ(reverse),
      parameters: [
        org,
        channel,
        since?.epoch ?? '',
        reverse ? 0 : offset,
        reverse && offset > 0 ? offset : BEYOND,
        this.#deps.clock.now(),
        Math.max(0, Math.min(limit, this.#options.historyMaxSize)),
      ],
      decode: toPage,
    };
    const found = await this.#deps.store.read(statement);
    if (found) return found;
    await this.#deps.store.commit({ statements: [this.#ask(org, channel)] });
    const made = await this.#deps.store.read(statement);
    if (made) return made;
    // Dropped between the two: the caller comes again.
    throw new CodedError('unrecoverablePosition', 'the channel was dropped');
  }

  clear(key: ChannelKey): Statement<undefined> {
    const { org, channel } = splitChannelKey(key);
    return { sql: CLEAR, parameters: [org, channel], decode: () => undefined };
  }

  drop(key: ChannelKey): readonly [Statement<undefined>, Statement<undefined>] {
    const { org, channel } = splitChannelKey(key);
    const parameters = [org, channel];
    return [
      { sql: LOCK_CHANNEL, parameters, decode: () => undefined },
      { sql: DROP, parameters, decode: () => undefined },
    ];
  }

  async renewEpochs(): Promise<number> {
    const epoch = this.#newEpoch();
    let renewed = 0;
    let at: Row | undefined = { org: '', channel: '' };
    while (at) {
      const statement: Statement = {
        sql: RENEW_EPOCHS,
        parameters: [epoch, at['org'], at['channel'], RENEW_PAGE],
      };
      const results: readonly SqlResult[] = await this.#deps.store.commit({ statements: [statement] });
      at = results[0]?.rows[0];
      renewed += Number(at?.['renewed'] ?? 0);
    }
    return renewed;
  }

  /** Deletes what is too old or too many in the next few channels; begins anew after the last. Answers how many publications went. */
  async sweep(): Promise<number> {
    const { org, channel } = this.#sweptUpTo;
    const [result] = await this.#deps.store.commit({
      statements: [
        {
          sql: SWEEP,
          parameters: [org, channel, SWEEP_PAGE, SWEEP_EACH, this.#deps.clock.now()],
        } as Statement,
      ],
    });
    const last = result.rows[0];
    this.#sweptUpTo = {
      org: (last?.['org'] as string | undefined) ?? '',
      channel: (last?.['channel'] as string | undefined) ?? '',
    };
    return Number(last?.['swept'] ?? 0);
  }

  // ------------------------------------------------------------ inside

  #toColumns(publication: DurablePublication): readonly unknown[] {
    const { key, data, tags, info } = publication;
    const { org, channel } = splitChannelKey(key);
    const size = publication.historySize ?? this.#options.historySize;
    const ttlMs = publication.historyTtlMs ?? this.#options.historyTtlMs;
    if (!(size >= 0 && size <= this.#options.historyMaxSize))
      throw new RangeError(`historySize must be from 0 to ${this.#options.historyMaxSize}, got ${size}`);
    if (!(ttlMs >= 0 && Number.isSafeInteger(ttlMs)))
      throw new RangeError(`historyTtlMs must be a whole number from 0, got ${ttlMs}`);
    const text = typeof data === 'string';
    return [
      org,
      channel,
      text ? data : null,
      text ? null : data,
      toStoredTags(tags),
      toStoredInfo(info),
      Math.floor(size),
      ttlMs,
      this.#newEpoch(),
      laneOf(key),
    ];
  }

  #ask(org: string, channel: string): Statement {
    const { historySize, historyTtlMs } = this.#options;
    return {
      sql: ASK,
      parameters: [org, channel, this.#newEpoch(), historySize, historyTtlMs, this.#deps.clock.now()],
    };
  }

  #newEpoch(): string {
    return randomId(this.#deps.random, 8);
  }
}

/** Arrays of an append. */
const COLUMNS = 10;

/** A part of the outbox, the same for a channel on every node (FNV-1a). */
function laneOf(key: ChannelKey): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % LANES;
}

function toPositions({ rows }: SqlResult): readonly Position[] {
  return rows.map((row) => ({ epoch: row['epoch'] as string, offset: row['offset'] as number }));
}

function toPage({ rows }: SqlResult): HistoryPage | undefined {
  const first = rows[0];
  if (!first) return undefined;
  return {
    publications: rows.filter((row) => row['offset'] !== null).map(toPublication),
    position: { epoch: first['epoch'] as string, offset: first['top'] as number },
  };
}

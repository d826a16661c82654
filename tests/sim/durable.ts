/**
 * The store as a world sees it: a log that numbers publications when their effect commits, effects that are stored under their idempotency
 * key in the same commit, and a dispatcher that hands committed publications to a broker late, twice, or after a failure again.
 */
import { randomId } from '@trunkline/base';
import type { Broker } from '@trunkline/broker';
import type { DurableLog } from '@trunkline/hub';
import { CodedError, type ChannelKey, type Position, type Publication } from '@trunkline/protocol';
import type { Dice } from './dice.js';
import type { SimTime } from './time.js';
import type { Truth } from './truth.js';

export interface StoreFaults {
  commitMs: number;
  readMs: number;
  fail: number;
  dispatchMs: number;
  dispatchTwice: number;
}

export const CALM_STORE: Readonly<StoreFaults> = { commitMs: 2, readMs: 2, fail: 0, dispatchMs: 2, dispatchTwice: 0 };

interface Row {
  readonly key: ChannelKey;
  readonly publication: Publication;
}

interface Log {
  readonly epoch: string;
  readonly kept: Publication[];
}

export interface Effect {
  readonly channel: ChannelKey;
  readonly data: string;
}

export class SimStore implements DurableLog {
  readonly #time: SimTime;
  readonly #dice: Dice;
  readonly #truth: Truth;
  readonly #brokers: () => readonly Broker[];
  readonly #logs = new Map<ChannelKey, Log>();
  readonly #effects = new Map<string, Position>();
  readonly #lanes = new Map<ChannelKey, Row[]>();
  /** How often each idempotency key took effect. */
  readonly applied = new Map<string, number>();
  faults: StoreFaults = { ...CALM_STORE };

  constructor(time: SimTime, dice: Dice, truth: Truth, brokers: () => readonly Broker[]) {
    this.#time = time;
    this.#dice = dice;
    this.#truth = truth;
    this.#brokers = brokers;
  }

  /** Commits an effect once under `name`, however often it is asked for; a publication of it is dispatched after the commit. */
  async apply(name: string, { channel, data }: Effect): Promise<Position> {
    const known = this.#effects.get(name);
    if (known) return known;
    // A transaction that fails leaves nothing behind.
    if (this.#dice.chance(this.faults.fail)) throw new CodedError('sourceUnavailable', 'the store is away');
    await this.#time.sleep(this.#dice.between(0, this.faults.commitMs));
    const raced = this.#effects.get(name);
    if (raced) return raced;
    const row = this.#commit(channel, data);
    const position = { epoch: this.#log(channel).epoch, offset: row.publication.offset };
    this.#effects.set(name, position);
    this.applied.set(name, (this.applied.get(name) ?? 0) + 1);
    this.#dispatch(row);
    // The answer may be lost although everything is kept.
    if (this.#dice.chance(this.faults.fail)) throw new CodedError('sourceUnavailable', 'the store is away');
    return position;
  }

  async read(key: ChannelKey, since: Position | undefined, limit: number, reverse: boolean) {
    const fails = this.#dice.chance(this.faults.fail);
    await this.#time.sleep(this.#dice.between(0, this.faults.readMs));
    if (fails) throw new CodedError('sourceUnavailable', 'the store is away');
    const { epoch, kept } = this.#log(key);
    const from = since?.offset ?? 0;
    const chosen =
      since !== undefined && since.epoch !== '' && since.epoch !== epoch
        ? []
        : reverse
          ? kept.filter(({ offset }) => from === 0 || offset < from).reverse()
          : kept.filter(({ offset }) => offset > from);
    const answer = { publications: chosen.slice(0, limit), position: { epoch, offset: kept.length } };
    await this.#time.sleep(this.#dice.between(0, this.faults.readMs));
    return answer;
  }

  // ------------------------------------------------------------ inside

  #log(key: ChannelKey): Log {
    let log = this.#logs.get(key);
    if (!log) {
      log = { epoch: randomId(this.#dice.random, 8), kept: [] };
      this.#logs.set(key, log);
      this.#truth.of(key).enter(log.epoch, this.#time.monotonic());
    }
    return log;
  }

  #commit(key: ChannelKey, data: string): Row {
    const { epoch, kept } = this.#log(key);
    const publication: Publication = { offset: kept.length + 1, data };
    kept.push(publication);
    this.#truth.of(key).record(publication, epoch, this.#time.monotonic());
    return { key, publication };
  }

  /** In order per channel, at least once. */
  #dispatch(row: Row): void {
    const lane = this.#lanes.get(row.key) ?? [];
    lane.push(row);
    this.#lanes.set(row.key, lane);
    if (lane.length === 1) void this.#drain(row.key, lane);
  }

  async #drain(key: ChannelKey, lane: Row[]): Promise<void> {
    for (let row = lane[0]; row !== undefined; row = lane[0]) {
      await this.#time.sleep(this.#dice.between(0, this.faults.dispatchMs));
      const brokers = this.#brokers();
      const { epoch } = this.#log(key);
      try {
        if (brokers.length === 0) throw new CodedError('sourceUnavailable', 'no node runs');
        await this.#dice.pick(brokers).carry(key, row.publication, epoch);
      } catch {
        await this.#time.sleep(200);
        continue;
      }
      if (!this.#dice.chance(this.faults.dispatchTwice)) lane.shift();
    }
  }
}

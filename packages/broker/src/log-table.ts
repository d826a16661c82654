/** The logs of one kind by channel: made when first needed, forgotten when idle, bounded in number. */
import { randomId, type Random } from '@trunkline/base';
import { CodedError, type ChannelKey } from '@trunkline/protocol';
import type { ExpiryQueue } from './expiry.js';
import { ChannelLog } from './log.js';

/** 8 characters carry 47 bits: two epochs of one channel never meet in practice, and every publication's position stays short. */
const EPOCH_LENGTH = 8;

export class LogTable {
  readonly #logs = new Map<ChannelKey, ChannelLog>();
  readonly #queue: ExpiryQueue;
  readonly #random: Random;
  readonly #maxChannels: number;
  readonly #forget: (key: ChannelKey) => boolean;

  /** `inUse` keeps an idle log that something else still refers to. */
  constructor(
    queue: ExpiryQueue,
    random: Random,
    maxChannels: number,
    inUse: (key: ChannelKey) => boolean = () => false,
  ) {
    this.#queue = queue;
    this.#random = random;
    this.#maxChannels = maxChannels;
    this.#forget = (key) => !inUse(key) && this.#logs.delete(key);
  }

  find(key: ChannelKey): ChannelLog | undefined {
    return this.#logs.get(key);
  }

  /** The channel's log, new (with a new epoch) where there is none. Throws `limitExceeded` beyond `maxChannels`. */
  obtain(key: ChannelKey): ChannelLog {
    const found = this.#logs.get(key);
    if (found !== undefined) return found;
    if (this.#logs.size >= this.#maxChannels)
      throw new CodedError('limitExceeded', `maxChannels ${this.#maxChannels}`);
    const log = new ChannelLog(key, randomId(this.#random, EPOCH_LENGTH), this.#queue, this.#forget);
    this.#logs.set(key, log);
    return log;
  }
}

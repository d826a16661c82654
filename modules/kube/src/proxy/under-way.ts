/** Requests under way: how many a user and all of them may have, how long one may take, and the end of all when the module ends. */
import { setMaxListeners } from 'node:events';
import type { Clock } from '@trunkline/base';
import type { Principal } from '@trunkline/hub';
import { KubeError } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import { Places } from '../places.js';
import type { ProxyOptions } from './options.js';

/** A place that was taken. */
export interface Passage {
  /** Aborts when time is up, when the module ends, and with the signals that were given. */
  readonly signal: AbortSignal;
  /** Gives the place back; repeats are harmless. */
  release(): void;
}

export class UnderWay {
  readonly #clock: Clock;
  readonly #options: ProxyOptions;
  readonly #life = new AbortController();
  readonly #places: Places;

  constructor(clock: Clock, options: ProxyOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#places = new Places({
      perUser: options.maxPerUser,
      total: options.maxTotal,
      refusal: (whose) =>
        new CodedError(
          'tooManyRequests',
          whose === 'one' ? 'requests of the user under way' : 'requests under way',
        ),
    });
    setMaxListeners(0, this.#life.signal);
  }

  /**
   * Throws `tooManyRequests`. The place is given back where `work` fails, and when the signal aborts: perhaps nobody reads what comes. Otherwise that is for whoever reads the answer to its end.
   * @param gone ends the request too; none for work that goes on without its caller
   */
  async run<T>(
    principal: Principal,
    gone: AbortSignal | undefined,
    work: (passage: Passage) => Promise<T>,
  ): Promise<T> {
    const passage = this.#begin(principal, gone === undefined ? [] : [gone]);
    try {
      passage.signal.throwIfAborted();
      return await work(passage);
    } catch (cause) {
      passage.release();
      throw cause;
    }
  }

  dispose(): void {
    this.#life.abort(new CodedError('shuttingDown'));
  }

  #begin(principal: Principal, signals: readonly AbortSignal[]): Passage {
    const free = this.#places.take(principal);
    const { maxAnswerMs } = this.#options;
    const ending = new AbortController();
    const timer = this.#clock.setTimeout(
      () => ending.abort(new KubeError('kubeTimeout', `no end within ${maxAnswerMs} ms (maxAnswerMs)`)),
      maxAnswerMs,
    );
    const { signal } = ending;
    // A union of lists listens once for each of its requests.
    setMaxListeners(0, signal);
    const sources = [...signals, this.#life.signal];
    const follow = (): void => ending.abort(sources.find(({ aborted }) => aborted)?.reason);
    for (const source of sources) source.addEventListener('abort', follow, { once: true });
    const release = (): void => {
      timer.cancel();
      // By hand: Node 20 keeps what `AbortSignal.any` makes as long as the module lives.
      this.#life.signal.removeEventListener('abort', follow);
      free();
    };
    signal.addEventListener('abort', release, { once: true });
    if (sources.some(({ aborted }) => aborted)) follow();
    return { signal, release };
  }
}

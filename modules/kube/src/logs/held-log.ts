/**
 * One channel of a log, shielded while rights cannot be asked about: lines, marks and the end are kept back in order, and told when all who stayed have been asked about again. What is
 * lost beyond the bounds leaves a mark. That the stream is interrupted passes; that it is live does not.
 */
import { Backoff, type Clock, type Disposable, type Logger, type Random, type Timer } from '@trunkline/base';
import type { LogLine } from '@trunkline/contracts/kube';
import { KubeError } from '@trunkline/kube-client';
import type { SourceState } from '@trunkline/protocol';
import { Hold } from '../hold.js';
import type { DoubtListener } from '../ports.js';
import { wordsOf, type LogGap, type LogReader } from './follower.js';

export interface HeldLogDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Whether rights can be asked about; throws where the cluster or the credential went. */
  doubt(listener: DoubtListener): Disposable;
}

export interface HeldLogOptions {
  /** Lines and characters that are kept back at most; the newest of them. */
  readonly keptLines: number;
  readonly keptChars: number;
}

type Item =
  | { readonly kind: 'lines'; readonly lines: readonly LogLine[]; readonly chars: number }
  | { readonly kind: 'gap'; readonly gap: LogGap }
  | { readonly kind: 'end'; readonly reason: string };

const AGAIN = { minDelayMs: 500, maxDelayMs: 3_000 };
const LET_GO = 'more lines came than are kept while rights cannot be asked about';

export class HeldLog implements LogReader, Disposable {
  readonly #deps: HeldLogDeps;
  readonly #log: LogReader & Disposable;
  readonly #hold: Hold<Item, SourceState>;
  readonly #backoff: Backoff;
  #state: SourceState;
  /** Time of the last line that was shown. */
  #shownTime: string | undefined;
  #doubt: Disposable | undefined;
  #again: Timer | undefined;

  /** @param log owned from now on */
  constructor(deps: HeldLogDeps, { keptLines, keptChars }: HeldLogOptions, log: LogReader & Disposable) {
    this.#deps = deps;
    this.#log = log;
    this.#backoff = new Backoff(deps.random, AGAIN);
    this.#state = { state: 'recovering', sinceMs: deps.clock.now(), reason: 'opening' };
    this.#hold = new Hold(deps.clock, {
      most: [keptLines, keptChars],
      sizes: (item) => (item.kind === 'lines' ? [item.lines.length, item.chars] : [1, 0]),
      state: () => this.#state,
      isFault: ({ state }) => state !== 'live',
      toState: ({ sinceMs, reason }) => ({ state: 'recovering', sinceMs, reason: reason.message }),
      onItem: (item) => this.#show(item),
      onDropped: () => log.onGap(this.#gapOf(LET_GO)),
      onState: (state) => log.onState(state),
      onFailure: (cause) => deps.logger.error({ cause: String(cause) }, 'a log could not be shown'),
    });
    log.onState(this.#state);
    this.#begin();
  }

  onLines(lines: readonly LogLine[]): void {
    this.#hold.item({ kind: 'lines', lines, chars: lines.reduce((sum, { text }) => sum + text.length, 0) });
  }

  onGap(gap: LogGap): void {
    this.#hold.item({ kind: 'gap', gap });
  }

  onEnd(reason: string): void {
    this.#hold.item({ kind: 'end', reason });
  }

  onState(state: SourceState): void {
    this.#state = state;
    this.#hold.state(state);
  }

  dispose(): void {
    this.#again?.cancel();
    this.#doubt?.dispose();
    this.#hold.dispose();
    this.#log.dispose();
  }

  #begin(): void {
    try {
      this.#doubt = this.#deps.doubt({
        onDoubt: (fault) => this.#hold.onDoubt(fault),
        onLost: (cause) => this.#onLost(cause),
      });
      this.#backoff.reset();
    } catch (cause) {
      this.#onLost(cause);
    }
  }

  /** Nobody can be asked until there is a way again; whoever lost the right to it is asked about by others. */
  #onLost(cause: unknown): void {
    this.#doubt?.dispose();
    this.#doubt = undefined;
    const reason = cause instanceof KubeError ? cause : new KubeError('kubeUnreachable', wordsOf(cause));
    this.#hold.onDoubt({ sinceMs: this.#deps.clock.now(), reason });
    this.#again = this.#deps.clock.setTimeout(() => this.#begin(), this.#backoff.next());
  }

  #show(item: Item): void {
    switch (item.kind) {
      case 'lines':
        this.#shownTime = item.lines.findLast(({ time }) => time !== undefined)?.time ?? this.#shownTime;
        return this.#log.onLines(item.lines);
      case 'gap':
        return this.#log.onGap(item.gap);
      case 'end':
        return this.#log.onEnd(item.reason);
    }
  }

  #gapOf(reason: string): LogGap {
    return this.#shownTime === undefined ? { reason } : { reason, sinceTime: this.#shownTime };
  }
}

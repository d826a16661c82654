/**
 * What API servers said about rights, kept for a few seconds: one question is asked once, however many viewers wait for its answer. A yes counts from the moment at which it was asked for.
 * Where no answer can be had, those who had a yes keep it while nothing new is shown to them (see `Doubt`).
 */
import type { Clock } from '@trunkline/base';
import { KubeError, type AccessQuestion, type KubeCluster } from '@trunkline/kube-client';
import type { Doubt } from '../clusters/doubt.js';
import { Slots } from './slots.js';
import { forbiddenWords } from './words.js';

export type Verdict =
  /** `untilMs`: monotonic time. */
  | { readonly allowed: true; readonly untilMs: number }
  | { readonly allowed: false; readonly error: KubeError };

export interface ReviewsOptions {
  readonly rightsTtlMs: number;
  readonly reviewTimeoutMs: number;
  readonly rightsStaleMs: number;
  readonly maxReviews: number;
  readonly parallelReviews: number;
}

/** Who asks: a name for the memory, the cluster in that name, and what the API server calls them in its refusals. */
export interface Asker {
  readonly key: string;
  readonly cluster: Pick<KubeCluster, 'reviewSelf'>;
  readonly user: string | undefined;
}

interface Entry {
  /** Monotonic time at which the last yes was asked for. */
  yesMs: number | undefined;
  no: { readonly atMs: number; readonly error: KubeError } | undefined;
  pending: Promise<Verdict> | undefined;
  /** Since when no answer could be had. */
  failingMs: number | undefined;
}

/** A yes that is repeated because nobody can be asked is good for this long. */
const REPEATED_MS = 1_000;

export class Reviews {
  /** For those who look through namespaces. */
  readonly slots: Slots;
  readonly #clock: Clock;
  readonly #doubt: Doubt;
  readonly #options: ReviewsOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, doubt: Doubt, options: ReviewsOptions) {
    this.#clock = clock;
    this.#doubt = doubt;
    this.#options = options;
    this.slots = new Slots(options.parallelReviews);
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * @param deniedTtlMs how old a no may be
   * Throws a temporary `KubeError` where no answer can be had, and none was that may be repeated.
   */
  async ask(asker: Asker, question: AccessQuestion, deniedTtlMs: number): Promise<Verdict> {
    const entry = this.#entry(asker.key, question);
    const now = this.#clock.monotonic();
    const { rightsTtlMs } = this.#options;
    if (entry.yesMs !== undefined && now < entry.yesMs + rightsTtlMs)
      return { allowed: true, untilMs: entry.yesMs + rightsTtlMs };
    if (entry.no !== undefined && now < entry.no.atMs + deniedTtlMs)
      return { allowed: false, error: entry.no.error };
    // One of those who stay asks for all of them; whoever is new asks.
    if (entry.pending === undefined && this.#mayRepeat(entry) && !this.#doubt.takeTurn())
      return { allowed: true, untilMs: now + REPEATED_MS };
    return (entry.pending ??= this.#ask(entry, asker, question).finally(() => (entry.pending = undefined)));
  }

  async #ask(entry: Entry, { cluster, user }: Asker, question: AccessQuestion): Promise<Verdict> {
    const { rightsTtlMs, reviewTimeoutMs } = this.#options;
    const askedMs = this.#clock.monotonic();
    const late = new AbortController();
    const timer = this.#clock.setTimeout(
      () => late.abort(new KubeError('kubeTimeout', 'rights were not reviewed in time')),
      reviewTimeoutMs,
    );
    try {
      const { allowed, reason } = await cluster.reviewSelf(question, late.signal);
      this.#heard(entry);
      if (allowed) {
        entry.yesMs = askedMs;
        entry.no = undefined;
        return { allowed: true, untilMs: askedMs + rightsTtlMs };
      }
      return this.#denied(
        entry,
        new KubeError('kubeForbidden', forbiddenWords(user, question, reason), FORBIDDEN),
      );
    } catch (cause) {
      if (!(cause instanceof KubeError)) throw cause;
      if (!cause.temporary) {
        // The server has said something, be it that this user may not be impersonated.
        this.#heard(entry);
        return this.#denied(entry, cause);
      }
      entry.failingMs ??= askedMs;
      if (!this.#mayRepeat(entry) || !this.#doubt.failed(cause, entry.failingMs)) throw cause;
      return { allowed: true, untilMs: this.#clock.monotonic() + REPEATED_MS };
    } finally {
      timer.cancel();
    }
  }

  #heard(entry: Entry): void {
    entry.failingMs = undefined;
    this.#doubt.answered();
  }

  #denied(entry: Entry, error: KubeError): Verdict {
    entry.yesMs = undefined;
    entry.no = { atMs: this.#clock.monotonic(), error };
    return { allowed: false, error };
  }

  #mayRepeat({ yesMs }: Entry): boolean {
    return yesMs !== undefined && this.#clock.monotonic() < yesMs + this.#options.rightsStaleMs;
  }

  /** The one asked about longest ago goes first. */
  #entry(who: string, question: AccessQuestion): Entry {
    const { verb, group, resource, subresource = '', namespace = '', name = '' } = question;
    const key = JSON.stringify([who, verb, group, resource, subresource, namespace, name]);
    const entry = this.#entries.get(key) ?? {
      yesMs: undefined,
      no: undefined,
      pending: undefined,
      failingMs: undefined,
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#options.maxReviews && oldest !== undefined) this.#entries.delete(oldest);
    return entry;
  }
}

const FORBIDDEN = { status: 403, reason: 'Forbidden' };

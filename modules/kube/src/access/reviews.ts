/**
 * What API servers said about rights, kept for a few seconds: one question is asked once, however many viewers wait for its answer. A yes counts from the moment at which it was asked for.
 * Where no answer can be had, those who had a yes keep it while nothing new is shown to them (see `Doubt`).
 */
import type { Clock } from '@trunkline/base';
import { KubeError, type AccessQuestion, type KubeCluster } from '@trunkline/kube-client';
import type { Doubt } from '../clusters/doubt.js';
import type { Readiness } from '../clusters/readiness.js';
import { Slots } from './slots.js';
import { forbiddenWords } from './words.js';

export type Verdict =
  /** `untilMs`: monotonic time. */
  | { readonly allowed: true; readonly untilMs: number }
  | { readonly allowed: false; readonly error: KubeError };

export interface ReviewsDeps {
  readonly clock: Clock;
  readonly doubt: Doubt;
  readonly readiness: Pick<Readiness, 'prime' | 'isReady'>;
}

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

/** What came of a review. `repeat`: nobody could be asked, and who had a yes may keep it. */
type Heard = Verdict | { readonly cause: KubeError; readonly repeat: boolean };

export interface AskOptions {
  /** How old a no may be, in milliseconds. Default 0. */
  readonly deniedTtlMs?: number;
  /** Whether an old yes is of no use to whoever asks. Default false. */
  readonly newcomer?: boolean;
}

interface Entry {
  /** Monotonic time at which the last yes was asked for. */
  yesMs: number | undefined;
  no: { readonly atMs: number; readonly error: KubeError } | undefined;
  pending: Promise<Heard> | undefined;
  /** Since when no answer could be had, and when it was last tried. */
  failing: { readonly sinceMs: number; readonly lastMs: number } | undefined;
}

/** A yes that is repeated because nobody can be asked is good for this long. */
const REPEATED_MS = 1_000;
/** Failures further apart are two, and a no is not said again after it without being asked for. */
const RECENT_MS = 10_000;

export class Reviews {
  /** For those who look through namespaces. */
  readonly slots: Slots;
  readonly #clock: Clock;
  readonly #doubt: Doubt;
  readonly #readiness: ReviewsDeps['readiness'];
  readonly #options: ReviewsOptions;
  readonly #entries = new Map<string, Entry>();

  constructor({ clock, doubt, readiness }: ReviewsDeps, options: ReviewsOptions) {
    this.#clock = clock;
    this.#doubt = doubt;
    this.#readiness = readiness;
    this.#options = options;
    this.slots = new Slots(options.parallelReviews);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Throws a temporary `KubeError` where no answer can be had, and none was that may be repeated. */
  async ask(
    asker: Asker,
    question: AccessQuestion,
    { deniedTtlMs = 0, newcomer = false }: AskOptions = {},
  ): Promise<Verdict> {
    const entry = this.#entry(asker.key, question);
    const now = this.#clock.monotonic();
    const { rightsTtlMs } = this.#options;
    if (entry.yesMs !== undefined && now < entry.yesMs + rightsTtlMs)
      return { allowed: true, untilMs: entry.yesMs + rightsTtlMs };
    if (entry.no !== undefined && now < entry.no.atMs + deniedTtlMs)
      return { allowed: false, error: entry.no.error };
    // One of those who stay asks for all of them; whoever is new asks.
    if (entry.pending === undefined && !newcomer && this.#mayRepeat(entry) && !this.#doubt.takeTurn())
      return { allowed: true, untilMs: now + REPEATED_MS };
    entry.pending ??= this.#ask(entry, asker, question).finally(() => (entry.pending = undefined));
    const heard = await entry.pending;
    if (!('cause' in heard)) return heard;
    if (newcomer) throw heard.cause;
    // What was said last was a no, to another question of theirs: nothing is left to stay on.
    if (entry.no !== undefined && now < entry.no.atMs + RECENT_MS)
      return { allowed: false, error: entry.no.error };
    if (!heard.repeat) throw heard.cause;
    return { allowed: true, untilMs: this.#clock.monotonic() + REPEATED_MS };
  }

  async #ask(entry: Entry, asker: Asker, question: AccessQuestion): Promise<Heard> {
    const { rightsTtlMs, reviewTimeoutMs } = this.#options;
    const askedMs = this.#clock.monotonic();
    const late = new AbortController();
    const over = this.#doubt.begin();
    const timer = this.#clock.setTimeout(
      () => late.abort(new KubeError('kubeTimeout', 'rights were not reviewed in time')),
      reviewTimeoutMs,
    );
    try {
      let refusal = await this.#review(asker, question, late.signal);
      if (refusal !== undefined && (entry.yesMs !== undefined || this.#doubt.fault !== undefined)) {
        if (!(await this.#readiness.isReady(late.signal))) throw new KubeError('kubeUnreachable', NOT_READY);
        // It may have become so since it refused.
        refusal = await this.#review(asker, question, late.signal);
      }
      this.#heard(entry);
      if (refusal !== undefined) return this.#denied(entry, refusal);
      this.#readiness.prime();
      entry.yesMs = askedMs;
      entry.no = undefined;
      return { allowed: true, untilMs: askedMs + rightsTtlMs };
    } catch (cause) {
      if (!(cause instanceof KubeError)) throw cause;
      const before = entry.failing;
      const sinceMs = before !== undefined && askedMs < before.lastMs + RECENT_MS ? before.sinceMs : askedMs;
      entry.failing = { sinceMs, lastMs: askedMs };
      return { cause, repeat: this.#mayRepeat(entry) && this.#doubt.failed(cause, sinceMs) };
    } finally {
      over();
      timer.cancel();
    }
  }

  /** Undefined: allowed. A refusal of the question itself is one too: this user may not be impersonated, say. Throws where there is no answer. */
  async #review(
    { cluster, user }: Asker,
    question: AccessQuestion,
    signal: AbortSignal,
  ): Promise<KubeError | undefined> {
    try {
      const { allowed, reason } = await cluster.reviewSelf(question, signal);
      if (allowed) return undefined;
      return new KubeError('kubeForbidden', forbiddenWords(user, question, reason), FORBIDDEN);
    } catch (cause) {
      if (!(cause instanceof KubeError) || cause.temporary) throw cause;
      return cause;
    }
  }

  #heard(entry: Entry): void {
    entry.failing = undefined;
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
      failing: undefined,
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#options.maxReviews && oldest !== undefined) this.#entries.delete(oldest);
    return entry;
  }
}

const NOT_READY = 'the API server refuses everything until it is ready';
const FORBIDDEN = { status: 403, reason: 'Forbidden' };

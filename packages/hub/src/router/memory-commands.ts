/**
 * Keys of calls in memory, of this node alone, for a while, forgotten with the process: enough against a repeat after a lost connection to the same
 * node, and no more. For methods that are not marked as idempotent, and for all where there is no store; effects that are to be committed are refused
 * then.
 */
import type { Clock } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type { CommandStore, EffectOutcome, EffectRequest, KeyedCall } from '../ports/idempotency.js';

export interface MemoryCommandsOptions {
  /** Milliseconds for which a result is remembered. */
  readonly ttlMs: number;
  /** Calls that are under way or remembered; of more, the oldest remembered ones go. Default 10,000. */
  readonly maxCalls: number;
  /** UTF-16 units of their params and results. Default 16 Mi. */
  readonly maxSize: number;
}

interface Kept {
  /** The params, as canonical JSON. */
  readonly params: string;
  readonly outcome: Promise<EffectOutcome>;
  /** Set once it succeeded; until then it is not forgotten. */
  untilMs: number;
  size: number;
}

export class MemoryCommands implements CommandStore {
  readonly #clock: Clock;
  readonly #options: MemoryCommandsOptions;
  readonly #store: Pick<CommandStore, 'commit'> | undefined;
  /** Oldest first. */
  readonly #calls = new Map<string, Kept>();
  #size = 0;

  /** `store`: where effects are committed; absent: there is none. */
  constructor(
    clock: Clock,
    options: Partial<MemoryCommandsOptions> & Pick<MemoryCommandsOptions, 'ttlMs'>,
    store?: Pick<CommandStore, 'commit'>,
  ) {
    this.#clock = clock;
    this.#store = store;
    this.#options = { maxCalls: 10_000, maxSize: 16 * 1024 * 1024, ...options };
  }

  async commit(request: EffectRequest): Promise<EffectOutcome> {
    if (this.#store) return this.#store.commit(request);
    if (request.statements.length + request.publications.length > 0 || request.finish)
      throw new CodedError('notAvailable', 'this method needs a store');
    return Promise.resolve({
      result: request.toResult([]),
      published: request.published,
      repeated: false,
    });
  }

  async once(call: KeyedCall, prepare: () => Promise<EffectRequest>): Promise<EffectOutcome> {
    const id = JSON.stringify([call.org, call.user, call.method, call.key]);
    const params = canonical(call.params);
    const known = this.#find(id);
    if (known) {
      if (known.params !== params) throw new CodedError('keyMismatch');
      return { ...(await known.outcome), repeated: true };
    }
    this.#makeRoom();
    const outcome = prepare().then((request) => this.commit(request));
    const kept: Kept = { params, outcome, untilMs: Infinity, size: params.length };
    this.#calls.set(id, kept);
    this.#size += kept.size;
    try {
      const { result } = await outcome;
      kept.untilMs = this.#clock.monotonic() + this.#options.ttlMs;
      const size = ((JSON.stringify(result) as string | undefined) ?? '').length;
      kept.size += size;
      this.#size += size;
      return await outcome;
    } catch (cause) {
      this.#forget(id, kept);
      throw cause;
    }
  }

  #find(id: string): Kept | undefined {
    const kept = this.#calls.get(id);
    if (!kept || kept.untilMs > this.#clock.monotonic()) return kept;
    this.#forget(id, kept);
    return undefined;
  }

  #makeRoom(): void {
    const now = this.#clock.monotonic();
    const { maxCalls, maxSize } = this.#options;
    for (const [id, kept] of this.#calls) {
      const full = this.#calls.size >= maxCalls || this.#size > maxSize;
      if (!full && kept.untilMs > now) return;
      // What is under way stays.
      if (kept.untilMs !== Infinity) this.#forget(id, kept);
    }
    if (this.#calls.size >= maxCalls) throw new CodedError('tooManyRequests', 'calls with a key');
  }

  #forget(id: string, kept: Kept): void {
    this.#calls.delete(id);
    this.#size -= kept.size;
  }
}

/** JSON with sorted fields. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const fields = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}

/**
 * Verifying API keys of the store without asking the store each time. Right keys are remembered for some seconds, wrong ones for fewer; both memories
 * are bounded. What this node revokes is forgotten at once, what another one revokes when the memory ends. While the store does not answer, a key
 * that was right goes on for a little longer.
 */
import type { Clock, Logger } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type { StoredKey } from './keys.js';
import type { DirectoryOptions } from './options.js';
import { digestOf, isApiKey } from './tokens.js';

export interface KeyCacheDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asks the store. */
  readonly find: (digest: string) => Promise<StoredKey | undefined>;
}

interface Remembered {
  readonly key: StoredKey | undefined;
  readonly atMs: number;
}

/** Keys whose last use waits to be written; more than this are not noted. */
const MAX_USES = 10_000;

export class KeyCache {
  readonly #deps: KeyCacheDeps;
  readonly #options: DirectoryOptions;
  /** By digest, the one remembered longest ago first. */
  readonly #right = new Map<string, Remembered>();
  readonly #wrong = new Map<string, Remembered>();
  readonly #asking = new Map<string, Promise<StoredKey | undefined>>();
  #uses = new Map<string, number>();
  /** Goes up with every forgetting: an answer that was under way meanwhile is not remembered. */
  #generation = 0;

  constructor(deps: KeyCacheDeps, options: DirectoryOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /**
   * Undefined for a wrong, revoked or ended key. `mayAsk` is called before the store is asked about a key that was not right here lately, and may throw:
   * anybody can make up keys. Fails with 1100 where nobody knows because the store does not answer.
   */
  async verify(text: string, mayAsk: () => void = () => undefined): Promise<StoredKey | undefined> {
    if (!isApiKey(text)) return undefined;
    const { clock } = this.#deps;
    const key = await this.#find(digestOf(text), mayAsk);
    if (!key || isOver(key.expiresMs, clock.now()) || isOver(key.revokedMs, clock.now())) return undefined;
    if (this.#uses.has(key.id) || this.#uses.size < MAX_USES) this.#uses.set(key.id, clock.now());
    return key;
  }

  /** After a key was made, changed or ended on this node, by its id. Others stay: an org that changes its keys all the time costs nobody else a read. */
  forget(id: string): void {
    this.#forget((key) => key.id === id);
  }

  /** After an org ended on this node, with its keys. */
  forgetOrg(org: string): void {
    this.#forget((key) => key.org === org);
  }

  /** Last uses since the last call, by the key's id; Unix milliseconds. */
  takeUses(): ReadonlyMap<string, number> {
    const uses = this.#uses;
    this.#uses = new Map();
    return uses;
  }

  #forget(isMeant: (key: StoredKey) => boolean): void {
    this.#generation++;
    for (const [digest, { key }] of this.#right) if (key && isMeant(key)) this.#right.delete(digest);
    // One of them may be right by now.
    this.#wrong.clear();
    this.#asking.clear();
  }

  async #find(digest: string, mayAsk: () => void): Promise<StoredKey | undefined> {
    const now = this.#deps.clock.monotonic();
    const right = this.#right.get(digest);
    if (right && now - right.atMs < this.#options.keyCacheMs) return right.key;
    const wrong = this.#wrong.get(digest);
    if (wrong && now - wrong.atMs < this.#options.wrongKeyCacheMs) return undefined;
    const underWay = this.#asking.get(digest);
    if (!right && !underWay) mayAsk();
    const asking = underWay ?? this.#ask(digest);
    try {
      return await asking;
    } catch (cause) {
      if (right && now - right.atMs < this.#options.keyCacheMs + this.#options.keyStaleMs) {
        this.#deps.logger.warn(
          { key: right.key?.name, cause: String(cause) },
          'the store does not answer: an API key is used as last seen',
        );
        return right.key;
      }
      throw cause instanceof CodedError ? cause : new CodedError('sourceUnavailable', 'API keys', { cause });
    }
  }

  #ask(digest: string): Promise<StoredKey | undefined> {
    const generation = this.#generation;
    const asked = this.#deps.find(digest).then((key) => {
      if (generation === this.#generation) this.#remember(digest, key);
      return key;
    });
    const asking = asked.finally(() => {
      if (this.#asking.get(digest) === asking) this.#asking.delete(digest);
    });
    this.#asking.set(digest, asking);
    return asking;
  }

  #remember(digest: string, key: StoredKey | undefined): void {
    this.#right.delete(digest);
    this.#wrong.delete(digest);
    const memory = key ? this.#right : this.#wrong;
    const oldest = memory.keys().next();
    if (memory.size >= this.#options.cacheEntries && oldest.done !== true) memory.delete(oldest.value);
    memory.set(digest, { key, atMs: this.#deps.clock.monotonic() });
  }
}

function isOver(untilMs: number | null, nowMs: number): boolean {
  return untilMs !== null && untilMs <= nowMs;
}

/**
 * Public keys behind an address (JSON Web Key Set, RFC 7517). Fetched when first needed, kept for a while, fetched again when a token
 * names a key that is not there, but never more often than the minimum interval: a flood of invented key ids costs nothing. One fetch
 * at a time, bounded in time, bytes and keys, without redirects. While it fails, the last set is used for a limited time.
 */
import type { Clock, Logger } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type { JWK } from 'jose';
import { readPublicKey, type VerifyKey } from './keys.js';

export interface JwksOptions {
  readonly url: string;
  readonly cacheTtlMs: number;
  readonly maxStaleMs: number;
  readonly minRefreshMs: number;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export interface JwksDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fetch: typeof fetch;
}

export interface Jwks {
  /**
   * Keys that may have signed a token with these header fields, none where the set does not hold one. Throws `sourceUnavailable`
   * (1000, temporary) where no set could be had.
   */
  find(algorithm: string, kid: string | undefined): Promise<readonly VerifyKey[]>;
}

/** Keys of one set; more are ignored. */
const MAX_KEYS = 64;
/** Keys tried for a token that names none. */
const MAX_TRIES = 8;

interface KeySet {
  readonly keys: readonly VerifyKey[];
  readonly atMs: number;
}

export function createJwks(deps: JwksDeps, options: JwksOptions): Jwks {
  let current: KeySet | undefined;
  let attemptedAtMs = -Infinity;
  let running: Promise<void> | undefined;

  const age = (set: KeySet): number => deps.clock.monotonic() - set.atMs;

  /** Keys of that id; any key where the token names none. */
  const match = (algorithm: string, kid: string | undefined): readonly VerifyKey[] =>
    (current?.keys ?? [])
      .filter((one) => one.algorithms.has(algorithm) && (kid === undefined || one.kid === kid))
      .slice(0, MAX_TRIES);

  /** Keys that the set gives no id. */
  const nameless = (algorithm: string): readonly VerifyKey[] =>
    match(algorithm, undefined).filter((one) => one.kid === undefined);

  const refresh = (): Promise<void> => {
    if (running) return running;
    if (deps.clock.monotonic() - attemptedAtMs < options.minRefreshMs) return Promise.resolve();
    attemptedAtMs = deps.clock.monotonic();
    running = load()
      .then(
        (keys) => {
          current = { keys, atMs: deps.clock.monotonic() };
        },
        (cause: unknown) =>
          deps.logger.warn({ url: options.url, err: cause }, 'key set could not be fetched'),
      )
      .finally(() => (running = undefined));
    return running;
  };

  const load = async (): Promise<readonly VerifyKey[]> => {
    const controller = new AbortController();
    const timer = deps.clock.setTimeout(
      () => controller.abort(new Error('key set fetch timed out')),
      options.timeoutMs,
    );
    try {
      const response = await deps.fetch(options.url, {
        signal: controller.signal,
        redirect: 'error',
        headers: { accept: 'application/json' },
      });
      if (!response.ok) throw new Error(`key set answered ${response.status}`);
      return readKeySet(JSON.parse(await readText(response, options.maxBytes)));
    } finally {
      timer.cancel();
      controller.abort(); // whatever is left of a body that was too long
    }
  };

  return {
    async find(algorithm, kid) {
      if (current === undefined || age(current) > options.cacheTtlMs || match(algorithm, kid).length === 0)
        await refresh();
      if (current === undefined || age(current) > options.cacheTtlMs + options.maxStaleMs) {
        throw new CodedError('sourceUnavailable', 'token keys');
      }
      const found = match(algorithm, kid);
      return found.length > 0 ? found : nameless(algorithm);
    },
  };
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`key set is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Keys this product cannot use (encryption, other kinds, malformed) are left out, as a set may hold keys for others. */
function readKeySet(document: unknown): readonly VerifyKey[] {
  const keys = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Error('key set has no keys array');
  return keys.slice(0, MAX_KEYS).flatMap((jwk: unknown) => readJwk(jwk));
}

function readJwk(jwk: unknown): readonly VerifyKey[] {
  if (typeof jwk !== 'object' || jwk === null) return [];
  const { use, alg, kid } = jwk as JWK;
  if (use !== undefined && use !== 'sig') return [];
  try {
    const { key, fitting } = readPublicKey('jwk', jwk as JWK);
    const algorithms = new Set<string>(alg === undefined ? fitting : fitting.filter((one) => one === alg));
    return [{ kid, algorithms, key }];
  } catch {
    return [];
  }
}

/**
 * Effects that happen once per key. The key is claimed by the first statement of the effect's own unit and the result is stored by the same
 * transaction, so there is no moment at which one is there without the other. Who comes second finds the claim taken, whether in this process (it
 * waits for the first), in the same transaction, or in another process (the database makes it wait), and gets the stored result. A call with a turn
 * also moves its line's number forward in that unit: whoever comes with a lower one is refused.
 */
import { sleep, type Clock } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from '../codes.js';
import type { ResultsOf, Statement } from '../statement.js';
import type { Committing, Reading, Unit } from '../unit.js';
import { fingerprint } from './fingerprint.js';
import type { Effect, Idempotency, IdempotentCall, IdempotentOutcome, JsonValue } from './types.js';

export interface IdempotencyDeps {
  readonly clock: Clock;
  readonly store: Committing & Reading;
}

export interface IdempotencyOptions {
  /** Milliseconds for which a result is kept. Default 7 days. */
  readonly retentionMs: number;
  /** Calls with a key that may be under way in this process; more are refused with 1101. Default 10,000. */
  readonly maxInFlight: number;
  /** How long a repeat waits for the call under way before it fails with 1106. Default 10,000. */
  readonly waitMs: number;
}

export const IDEMPOTENCY_DEFAULTS: IdempotencyOptions = {
  retentionMs: 7 * 24 * 3_600_000,
  maxInFlight: 10_000,
  waitMs: 10_000,
};

/** Between looks for a result of which nobody knows. */
const LOOK_AGAIN_MS = [50, 100, 200, 400];

/** Rows that one sweep deletes. */
const SWEEP_ROWS = 500;

/** A key that ran out is claimed anew, as if it were not there. */
const CLAIM = `
INSERT INTO store_idempotency AS i (org, principal, method, key, hash, result, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (org, principal, method, key) DO UPDATE SET hash = EXCLUDED.hash, result = EXCLUDED.result, created_ms = EXCLUDED.created_ms
  WHERE i.created_ms <= $8::bigint`;

const STORE_RESULT = `UPDATE store_idempotency SET result = $5 WHERE org = $1 AND principal = $2 AND method = $3 AND key = $4`;

/** Always one row: what is stored under the key, and the last number of the line. */
const LOOK_UP = `
SELECT i.hash, i.result, s.seq FROM (SELECT 1) AS one
LEFT JOIN store_idempotency i ON i.org = $1 AND i.principal = $2 AND i.method = $3 AND i.key = $4 AND i.created_ms > $5::bigint
LEFT JOIN store_sequences s ON s.org = $1 AND s.principal = $2 AND s.line = $6`;

/** Locks the line, so that calls of it that two processes commit at one time come one after the other. */
const TAKE_TURN = `
INSERT INTO store_sequences AS s (org, principal, line, seq, used_ms) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (org, principal, line) DO UPDATE SET seq = EXCLUDED.seq, used_ms = EXCLUDED.used_ms WHERE s.seq < EXCLUDED.seq`;

const SWEEP = `
DELETE FROM store_idempotency i USING (
  SELECT org, principal, method, key FROM store_idempotency WHERE created_ms <= $1 ORDER BY created_ms LIMIT $2
) old WHERE i.org = old.org AND i.principal = old.principal AND i.method = old.method AND i.key = old.key`;

const SWEEP_SEQUENCES = `
DELETE FROM store_sequences s USING (
  SELECT org, principal, line FROM store_sequences WHERE used_ms <= $1 ORDER BY used_ms LIMIT $2
) old WHERE s.org = old.org AND s.principal = old.principal AND s.line = old.line`;

/** Thrown by the claim of a key that is taken; never leaves this file. */
class Taken extends CodedError {
  constructor() {
    super('conflict', 'idempotency key');
  }
}

interface InFlight {
  readonly hash: string;
  readonly done: Promise<unknown>;
}

/** What the tables know of a call before it takes effect. */
interface Found {
  readonly stored?: IdempotentOutcome<JsonValue>;
  /** Of the call's line. */
  readonly lastSeq?: number;
}

type AnyEffect = Effect<readonly Statement<unknown>[], JsonValue>;

export class StoreIdempotency implements Idempotency {
  readonly #deps: IdempotencyDeps;
  readonly #options: IdempotencyOptions;
  readonly #inFlight = new Map<string, InFlight>();

  constructor(deps: IdempotencyDeps, options: IdempotencyOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  async run<const S extends readonly Statement<unknown>[], R extends JsonValue>(
    call: IdempotentCall,
    prepare: () => Effect<S, R> | Promise<Effect<S, R>>,
  ): Promise<IdempotentOutcome<R>> {
    const key = checkKey(call);
    const hash = fingerprint(call.request);
    for (;;) {
      const first = this.#inFlight.get(key);
      if (!first) break;
      if (first.hash !== hash) throw mismatch();
      // Whatever became of it: a result is stored now, or it is our turn.
      await this.#waitFor(first.done);
    }
    if (this.#inFlight.size >= this.#options.maxInFlight)
      throw new CodedError(STORE_CODES.storeOverloaded, 'calls with an idempotency key');
    const done = this.#runFirst(call, hash, prepare as () => AnyEffect | Promise<AnyEffect>);
    this.#inFlight.set(key, { hash, done });
    try {
      return (await done) as IdempotentOutcome<R>;
    } finally {
      this.#inFlight.delete(key);
    }
  }

  /** Deletes results that ran out, a bounded number. Answers how many. */
  async sweep(): Promise<number> {
    const parameters = [this.#cutoff(), SWEEP_ROWS];
    const [results, sequences] = await this.#deps.store.commit({
      statements: [
        { sql: SWEEP, parameters } as Statement,
        { sql: SWEEP_SEQUENCES, parameters } as Statement,
      ],
    });
    return results.count + sequences.count;
  }

  // ------------------------------------------------------------ inside

  async #runFirst(
    call: IdempotentCall,
    hash: string,
    prepare: () => AnyEffect | Promise<AnyEffect>,
  ): Promise<IdempotentOutcome<JsonValue>> {
    const { stored, lastSeq } = await this.#lookUp(call, hash);
    if (stored) return stored;
    if (call.turn && lastSeq !== undefined && call.turn.seq <= lastSeq) throw passed();
    const effect = await prepare();
    try {
      return { result: await this.#commit(call, hash, effect), repeated: false };
    } catch (cause) {
      // Taken by another process; or nobody knows whether the commit took place, and then the table does.
      const unknown = cause instanceof CodedError && cause.code === STORE_CODES.outcomeUnknown.code;
      if (!(cause instanceof Taken) && !unknown) throw cause;
      const { stored: found } = await (unknown
        ? this.#lookUpAfter(cause, call, hash)
        : this.#lookUp(call, hash));
      if (found) return unknown ? { ...found, repeated: false } : found;
      if (unknown) throw cause;
      throw new CodedError(STORE_CODES.idempotencyPending, 'idempotency key', { cause });
    }
  }

  async #commit(call: IdempotentCall, hash: string, effect: AnyEffect): Promise<JsonValue> {
    const { statements, finish, result } = effect;
    const known = typeof result === 'function' ? undefined : result;
    let answer: JsonValue = known ?? null;
    const claim: Statement = {
      sql: CLAIM,
      parameters: [
        ...scope(call),
        hash,
        known === undefined ? null : JSON.stringify(known),
        this.#deps.clock.now(),
        this.#cutoff(),
      ],
      expect: { rows: 1, orElse: () => new Taken() },
    };
    const own = [claim, ...this.#takeTurn(call)];
    const unit: Unit = {
      statements: [...own, ...statements],
      ...(finish || typeof result === 'function'
        ? {
            finish: (results: ResultsOf<readonly Statement<unknown>[]>) => {
              const effects = results.slice(own.length);
              const more = finish?.(effects) ?? [];
              if (typeof result !== 'function') return more;
              answer = result(effects);
              return [
                ...more,
                {
                  sql: STORE_RESULT,
                  parameters: [...scope(call), JSON.stringify(answer)],
                  expect: { rows: 1 },
                },
              ];
            },
          }
        : {}),
    };
    await this.#deps.store.commit(unit);
    return answer;
  }

  #takeTurn({ org, principal, turn }: IdempotentCall): readonly Statement[] {
    if (!turn) return [];
    return [
      {
        sql: TAKE_TURN,
        parameters: [org, principal, turn.line, turn.seq, this.#deps.clock.now()],
        expect: { rows: 1, orElse: passed },
      },
    ];
  }

  async #lookUp(call: IdempotentCall, hash: string): Promise<Found> {
    const { rows } = await this.#deps.store.read({
      sql: LOOK_UP,
      parameters: [...scope(call), this.#cutoff(), call.turn?.line ?? null],
    } as Statement);
    const row = rows[0] ?? {};
    const lastSeq = typeof row['seq'] === 'number' ? { lastSeq: row['seq'] } : {};
    if (typeof row['hash'] !== 'string') return lastSeq;
    if (row['hash'] !== hash) throw mismatch();
    const result = JSON.parse(row['result'] as string) as JsonValue;
    return { ...lastSeq, stored: { result, repeated: true } };
  }

  /** What broke the commit may have broken every other connection too: asked a few times. Where there is no answer, nobody still knows. */
  async #lookUpAfter(cause: CodedError, call: IdempotentCall, hash: string): Promise<Found> {
    for (const delayMs of LOOK_AGAIN_MS) {
      const found = await this.#lookUp(call, hash).catch(() => undefined);
      if (found) return found;
      await sleep(this.#deps.clock, delayMs);
    }
    throw cause;
  }

  #waitFor(done: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#deps.clock.setTimeout(
        () => reject(new CodedError(STORE_CODES.idempotencyPending, 'idempotency key')),
        this.#options.waitMs,
      );
      const settled = (): void => {
        timer.cancel();
        resolve();
      };
      done.then(settled, settled);
    });
  }

  #cutoff(): number {
    return this.#deps.clock.now() - this.#options.retentionMs;
  }
}

const scope = ({ org, principal, method, key }: IdempotentCall): readonly string[] => [
  org,
  principal,
  method,
  key,
];

/** The scope as one string. Fields cannot hold the separator: it is no valid text for the database either. */
function checkKey(call: IdempotentCall): string {
  if (call.key.length < 1 || call.key.length > 255)
    throw new CodedError('badRequest', 'idempotency key: 1 to 255 characters');
  const fields = scope(call);
  if (fields.some((field) => field.includes('\u0000')))
    throw new CodedError('badRequest', 'idempotency key holds a NUL character');
  return fields.join('\u0000');
}

function passed(): CodedError {
  return new CodedError(STORE_CODES.sequencePassed, 'seq');
}

function mismatch(): CodedError {
  return new CodedError(STORE_CODES.idempotencyMismatch, 'idempotency key');
}

/** Reads: one statement each, on committed data, bounded in number, rows and time. A read whose connection was lost is tried once more. */
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from './codes.js';
import { ConnectionLost, type Engine, type Run, type Step } from './engine.js';
import { isPassing, isServerTrouble, toCodedError, toUnavailable } from './failures.js';
import { decodeResult, isExpected, type Statement } from './statement.js';
import { sealStatement, type Reading } from './unit.js';

export interface ReaderOptions {
  readonly maxRows: number;
  readonly maxReads: number;
  readonly timeoutMs: number;
}

export class Reader implements Reading {
  readonly #engine: Engine;
  readonly #options: ReaderOptions;
  #underWay = 0;

  constructor(engine: Engine, options: ReaderOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  async read<T>(statement: Statement<T>): Promise<T> {
    const { sql, parameters = [] } = sealStatement(statement);
    if (this.#underWay >= this.#options.maxReads)
      throw new CodedError(STORE_CODES.storeOverloaded, 'reads under way');
    this.#underWay++;
    try {
      const { results, failure } = await this.#run({ sql, parameters, maxRows: this.#options.maxRows });
      const result = results[0];
      if (failure || !result)
        throw toCodedError(failure ?? { sqlState: 'XX000', message: 'no answer' }, 'read');
      if (!isExpected(statement.expect, result.count))
        throw statement.expect?.orElse?.() ?? new CodedError('conflict', `read: ${result.count} rows`);
      return decodeResult(statement, result);
    } finally {
      this.#underWay--;
    }
  }

  async #run(step: Step): Promise<Run> {
    const once = (): Promise<Run> =>
      this.#engine.lend((session) => session.run([step], this.#options.timeoutMs));
    try {
      const run = await once();
      return run.failure && (isPassing(run.failure) || isServerTrouble(run.failure)) ? await once() : run;
    } catch (cause) {
      if (!(cause instanceof ConnectionLost) || cause.timedOut) throw toUnavailable(cause);
      return once().catch((again: unknown) => {
        throw toUnavailable(again);
      });
    }
  }
}

/**
 * A list of statements as one message on a connection of `pg`: a submittable, the way that package lets others put queries on its wire. The
 * bytes are ours, what comes back is parsed there and handed to a `RunReader`.
 */
import type { Duplex } from 'node:stream';
import type { Run, Step } from '../engine.js';
import { encodePipeline, RunReader, type StatementCache } from '../wire.js';

/** What `pg` hands over; the parts that are used. */
interface WireConnection {
  readonly stream: Duplex;
}

interface WireError extends Error {
  readonly code?: string;
  readonly constraint?: string;
  readonly detail?: string;
  readonly severity?: string;
}

export class Pipeline {
  readonly answer: Promise<Run>;
  readonly #bytes: Uint8Array;
  readonly #reader = new RunReader();
  #resolve: (run: Run) => void = () => undefined;
  #reject: (cause: unknown) => void = () => undefined;

  /** Throws 107 on a parameter that cannot be sent. */
  constructor(steps: readonly Step[], statements: StatementCache) {
    this.#bytes = encodePipeline(steps, statements);
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: WireConnection): void {
    connection.stream.write(this.#bytes);
  }

  handleRowDescription(message: {
    readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
  }): void {
    this.#reader.onFields(message.fields.map(({ name, dataTypeID }) => ({ name, oid: dataTypeID })));
  }

  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void {
    this.#reader.onRow(message.fields);
  }

  handleCommandComplete(message: { readonly text: string }): void {
    this.#reader.onComplete(message.text);
  }

  handlePortalSuspended(): void {
    this.#reader.onSuspended();
  }

  handleEmptyQuery(): void {
    this.#reader.onFailure({ sqlState: '42601', message: 'empty statement' });
  }

  /** An answer of the database has a SQLSTATE and leaves the connection as it is; anything else is the connection's end. */
  handleError(error: WireError): void {
    const { code, message, constraint, detail, severity } = error;
    if (code?.length !== 5 || severity === 'FATAL' || severity === 'PANIC') {
      this.#reject(error);
      return;
    }
    this.#reader.onFailure({
      sqlState: code,
      message,
      ...(constraint === undefined ? {} : { constraint }),
      ...(detail === undefined ? {} : { detail }),
    });
    // The package forgets a query that failed, so this is the last it hears; it holds back the next one until the server is ready.
    this.#resolve(this.#reader.finish());
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#reader.finish());
  }
}

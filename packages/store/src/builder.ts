/**
 * Typed statements: Kysely as a builder and nothing more. What it compiles is a statement for a unit or a read; running a query through it is refused,
 * since that would go past the committer. A door of its own, because the package costs its import.
 */
import {
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type Compilable,
  type DatabaseConnection,
  type Driver,
} from 'kysely';
import type { Row, Statement } from './statement.js';

/** A builder for tables as `Tables` describes them. `build(builder.selectFrom(…))` is a statement. */
export function createBuilder<Tables>(): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new NoDriver(),
      createIntrospector: (database) => new PostgresIntrospector(database),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

/** The compiled query as a statement that answers its rows, typed. */
export function build<Output>(query: Compilable<Output>): Statement<readonly Output[]> {
  const { sql, parameters } = query.compile();
  return { sql, parameters, decode: ({ rows }) => rows as readonly Row[] as readonly Output[] };
}

class NoDriver implements Driver {
  init(): Promise<void> {
    return Promise.resolve();
  }
  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.reject(new TypeError('a query is built here and run by the store: build(query)'));
  }
  beginTransaction(): Promise<void> {
    return Promise.resolve();
  }
  commitTransaction(): Promise<void> {
    return Promise.resolve();
  }
  rollbackTransaction(): Promise<void> {
    return Promise.resolve();
  }
  releaseConnection(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return Promise.resolve();
  }
}

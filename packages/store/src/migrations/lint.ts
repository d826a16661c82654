/**
 * The rules of migrations, read off their text. During a rollout two versions use one database, so what a running version needs is never taken
 * away by an expand migration; and modules are strangers, so a list touches the tables of its owner alone. Reads words, not grammar: strict rather
 * than clever.
 */
import type { Migration, MigrationSet } from './types.js';

export interface MigrationFinding {
  /** `owner/name`. */
  readonly migration: string;
  readonly message: string;
}

/** What takes something away from a running version. */
const TAKES_AWAY: readonly (readonly [RegExp, string])[] = [
  [/\bDROP\b/i, 'DROP takes away what the running version may use'],
  [/\bRENAME\b/i, 'RENAME takes the old name away; add a new column and copy'],
  [
    /\bALTER\s+(?:COLUMN\s+)?\S+\s+(?:SET\s+DATA\s+)?TYPE\b/i,
    'a change of type rewrites the table and may break the running version; add a new column',
  ],
  [/\bSET\s+NOT\s+NULL\b/i, 'SET NOT NULL breaks inserts of the running version'],
  [
    /\bADD\s+(?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b(?![\s\S]*\bNOT\s+VALID\b)/i,
    'a new constraint may refuse rows of the running version; NOT VALID at first',
  ],
  [/\bTRUNCATE\b/i, 'TRUNCATE takes rows away'],
  [/\bREVOKE\b/i, 'REVOKE takes rights away'],
];

/** What no migration may do. */
const NEVER: readonly (readonly [RegExp, string])[] = [
  [/\bCONCURRENTLY\b/i, 'CONCURRENTLY does not work in a transaction'],
  [/^\s*(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|START|END)\b/i, "the transaction is the runner's"],
  [
    /^\s*(?:SET|RESET|VACUUM|CLUSTER|COPY|LISTEN|NOTIFY|DISCARD)\b/i,
    'settings and maintenance are no migration',
  ],
  [
    /\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:EXTENSION|LANGUAGE|DATABASE|ROLE|USER|TABLESPACE|SCHEMA)\b/i,
    'not there on every engine',
  ],
];

/** Names that a statement creates, changes, reads or refers to. */
const NAMED =
  /\b(?:CREATE\s+(?:UNLOGGED\s+|UNIQUE\s+|OR\s+REPLACE\s+)*(?:TABLE|INDEX|VIEW|SEQUENCE|TYPE|FUNCTION|TRIGGER)|ALTER\s+(?:TABLE|INDEX|VIEW|SEQUENCE|TYPE)|DROP\s+(?:TABLE|INDEX|VIEW|SEQUENCE|TYPE|FUNCTION|TRIGGER)|REFERENCES|INSERT\s+INTO|DELETE\s+FROM|UPDATE(?!\s+SET)|\bON(?=\s+\w+\s*(?:USING\s+\w+\s*)?\())\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+|ONLY\s+)*"?([A-Za-z_]\w*)"?/gi;

const OWNER = /^[a-z][a-z0-9_]{0,23}$/;
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Everything that breaks a rule; empty: the list may run. */
export function lintMigrations({ owner, migrations }: MigrationSet): readonly MigrationFinding[] {
  const findings: MigrationFinding[] = [];
  const seen = new Set<string>();
  if (!OWNER.test(owner))
    findings.push({ migration: owner, message: 'owner is 1 to 24 of [a-z0-9_], beginning with a letter' });
  for (const migration of migrations) {
    const say = (message: string): void =>
      void findings.push({ migration: `${owner}/${migration.name}`, message });
    if (!NAME.test(migration.name)) say('name is 1 to 63 of [a-z0-9-]');
    if (seen.has(migration.name)) say('two migrations have this name');
    seen.add(migration.name);
    if (migration.statements.length === 0) say('no statement');
    for (const statement of migration.statements) lintStatement(owner, migration, stripped(statement), say);
  }
  return findings;
}

function lintStatement(
  owner: string,
  migration: Migration,
  sql: string,
  say: (message: string) => void,
): void {
  if (/;\s*\S/.test(sql)) say('one command per statement');
  for (const [pattern, message] of NEVER) if (pattern.test(sql)) say(message);
  if (migration.phase === 'expand') {
    for (const [pattern, message] of TAKES_AWAY) if (pattern.test(sql)) say(`expand: ${message}`);
    if (/\bADD\s+(?:COLUMN\b)[\s\S]*\bNOT\s+NULL\b/i.test(sql) && !/\bDEFAULT\b|\bGENERATED\b/i.test(sql))
      say('expand: a NOT NULL column needs a DEFAULT: the running version does not know it');
  }
  for (const [, name = ''] of sql.matchAll(NAMED)) {
    const lower = name.toLowerCase();
    // ON CONFLICT, ON DELETE and the like are no names.
    if (RESERVED.has(lower)) continue;
    if (!lower.startsWith(`${owner}_`)) say(`${name} is not a name of ${owner}: names begin with ${owner}_`);
  }
}

const RESERVED = new Set([
  'conflict',
  'delete',
  'update',
  'commit',
  'set',
  'of',
  'no',
  'cascade',
  'restrict',
  'do',
]);

/** Without comments and the insides of quoted text, which are no SQL words. */
function stripped(sql: string): string {
  return sql
    .replace(/--[^\n]*/g, ' ')
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/'(?:[^']|'')*'/g, "''");
}

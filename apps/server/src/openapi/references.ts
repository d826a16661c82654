/**
 * The references that are made, not written: every code with what to do about it, every option with its default. As Markdown for
 * docs/reference (`scripts/reference.mjs`), and the codes as rows for the page that a server shows.
 */
import type { Contract } from '@trunkline/contracts';
import { CLOSE_CODES, ERROR_CODES, UNSUBSCRIBE_CODES, type CodeEntry, type Retry } from '@trunkline/protocol';
import { CLOSE_HELP, ERROR_HELP, UNSUBSCRIBE_HELP, type CodeHelp } from '@trunkline/protocol/codes-help';
import { configReference } from '../config/reference.js';

export interface CodeRow {
  readonly code: number;
  readonly name: string;
  readonly message: string;
  readonly retry: Retry;
  readonly meaning: string;
  readonly help: string;
}

export interface CodeSection {
  readonly title: string;
  readonly intro: string;
  readonly rows: readonly CodeRow[];
}

export const RETRIES: Readonly<Record<Retry, string>> = {
  never: 'the same request fails again',
  afterBackoff: 'wait, with growing delays, then try again',
  afterResync: 'forget the position and begin from a new snapshot',
  afterReauth: 'with a new token',
};

export function codeSections(contracts: readonly Contract[]): readonly CodeSection[] {
  const modules = contracts.filter(({ errors }) => Object.keys(errors).length > 0);
  return [
    {
      title: 'Errors',
      intro: 'In replies of the wire and in answers of the HTTP API.',
      rows: toRows(ERROR_CODES, ERROR_HELP),
    },
    ...modules.map(({ id, errors }) => ({
      title: `Errors of module ${id}`,
      intro: `In replies to methods and commands of \`${id}\`.`,
      rows: toRows(errors, {}),
    })),
    {
      title: 'Unsubscribe codes',
      intro:
        'In the push that ends a subscription. Below 2500 it is over; from 2500 on clients subscribe again by themselves.',
      rows: toRows(UNSUBSCRIBE_CODES, UNSUBSCRIBE_HELP),
    },
    {
      title: 'Close codes',
      intro:
        'Why a connection was closed. Below 3500, and from 4000 to 4499, clients come back by themselves; after the others they stay away.',
      rows: toRows(CLOSE_CODES, CLOSE_HELP),
    },
  ];
}

/** Markdown of docs/reference/errors.md. */
export function errorReference(contracts: readonly Contract[]): string {
  return [
    '# Codes: what they mean, what to do',
    '',
    'Made from the code tables by `node scripts/reference.mjs`; the rules behind them are in [the specification](../spec/errors.md). A running server shows this page at `/docs/errors`.',
    '',
    `Retry: ${Object.entries(RETRIES)
      .map(([retry, meaning]) => `\`${retry}\` ${meaning}`)
      .join('; ')}.`,
    ...codeSections(contracts).flatMap(({ title, intro, rows }) => [
      '',
      `## ${title}`,
      '',
      intro,
      '',
      '| Code | Name | Message | Retry | Meaning | What to do |',
      '|---|---|---|---|---|---|',
      ...rows.map(
        ({ code, name, message, retry, meaning, help }) =>
          `| ${code} | \`${name}\` | ${message} | \`${retry}\` | ${meaning} | ${help} |`,
      ),
    ]),
    '',
  ].join('\n');
}

/** Markdown of docs/reference/configuration.md. */
export function configurationReference(): string {
  return [
    '# Options of the server',
    '',
    'Made from the schema by `node scripts/reference.mjs`. Where options come from, how they are written and what is refused is in [the specification](../spec/configuration.md); an example with comments is [trunkline.example.yaml](../../trunkline.example.yaml). Items of lists are named with `[]`.',
    '',
    'An option is written in the YAML file, as a flag (`--server.port 9000`) or in the environment (`TRUNKLINE_SERVER_PORT`). `trunkline config show` tells what holds and where it came from.',
    '',
    configReference(),
    '',
  ].join('\n');
}

function toRows(
  table: Readonly<Record<string, CodeEntry>>,
  helps: Readonly<Record<string, CodeHelp>>,
): readonly CodeRow[] {
  return Object.entries(table)
    .map(([name, { code, message, retry, meaning = '', help = '' }]) => ({
      code,
      name,
      message,
      retry,
      ...(helps[name] ?? { meaning, help }),
    }))
    .sort((a, b) => a.code - b.code);
}

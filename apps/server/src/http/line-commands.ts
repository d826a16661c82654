/**
 * The form of requests that older server libraries send to `POST /api`: JSON objects `{"method", "params"}`, one after another or a line
 * each. They are answered in order, a line each, with `{"result"}` or `{"error"}`, and with the `id` of a command that has one.
 */
import { CodedError } from '@trunkline/protocol';
import { parseBody } from './json.js';

export interface LineCommand {
  readonly id?: number;
  readonly method: string;
  readonly params: unknown;
}

/** Throws `badRequest` (107) that names the line, and `limitExceeded` (106) for more than `batchMaxCommands`. */
export function readLines(
  body: Buffer,
  { maxDepth, batchMaxCommands }: { readonly maxDepth: number; readonly batchMaxCommands: number },
): readonly LineCommand[] {
  const lines = body
    .toString('latin1')
    .split('\n')
    .map((line) => Buffer.from(line, 'latin1'))
    .filter((line) => line.toString('latin1').trim() !== '');
  if (lines.length === 0) throw new CodedError('badRequest', 'the body holds no command');
  if (lines.length > batchMaxCommands)
    throw new CodedError('limitExceeded', `at most ${batchMaxCommands} commands in one request`);
  return lines.map((line, index) => readLine(parseBody(line, maxDepth), `line ${index + 1}`));
}

function readLine(value: unknown, where: string): LineCommand {
  const { id, method, params = {} } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof method !== 'string')
    throw new CodedError(
      'badRequest',
      `${where}: method must be a string; other methods have a path of their own, /api/<method>`,
    );
  if (id !== undefined && typeof id !== 'number')
    throw new CodedError('badRequest', `${where}: id must be a number`);
  return { ...(id === undefined ? {} : { id }), method, params };
}

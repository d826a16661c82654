/**
 * `trunkline secret …`: what an org keeps encrypted in the store, by name. A value goes in by standard input or from a file, never by an argument,
 * which other users of the machine could read; nothing gives it back. `rotate` changes the encryption key of the whole installation.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { parseCount } from '../arguments.js';
import { withDirectory, withExample, type ConnectionOptions } from '../connection-options.js';
import { directoryOf, listUpTo } from '../directory.js';
import { CliError } from '../exit.js';
import { count, dateTime, plural } from '../format.js';
import type { Io } from '../io.js';
import { limitOf, printDone, printList, type ListOptions } from './directory-parts.js';

interface PutOptions extends ConnectionOptions {
  readonly file?: string;
}

interface RotateOptions extends ConnectionOptions {
  readonly batch: string;
}

/** The server takes as many characters. */
const MAX_VALUE = 65_536;

export function addSecret(program: Command, io: Io): void {
  const secret = program
    .command('secret')
    .summary('secrets of an org, kept encrypted')
    .description('Secrets of an org: kept encrypted, listed by name, shown by nothing.');
  withExample(
    withDirectory(secret.command('list'))
      .summary('names of secrets')
      .description("Lists names of the org's secrets, and which encryption key each is under. Never values.")
      .option('--limit <n>', 'secrets at most', '1000')
      .action((options: ListOptions) => list(io, options)),
    'trunkline secret list --org acme',
  );
  withExample(
    withDirectory(secret.command('put').argument('<name>', '1 to 64 of A-Z a-z 0-9 _ . : @ -'))
      .summary('keep a secret, or replace it')
      .description(
        'Keeps what comes on standard input (up to its end, without the last line feed), or what a file holds, under this name.',
      )
      .option('--file <file>', 'take the value from a file, as it is')
      .action((name: string, options: PutOptions) => put(io, name, options)),
    'pass show registry | trunkline secret put registry-password --org acme',
    'trunkline secret put ca --file ca.pem --org acme',
  );
  withExample(
    withDirectory(secret.command('remove').argument('<name>'))
      .summary('remove a secret')
      .description('Removes a secret. Whatever uses it fails from then on.')
      .action(async (name: string, options: ConnectionOptions) => {
        await directoryOf(io, options)('directory.removeSecret', { name });
        await printDone(io, options, { removed: name }, `secret ${name} removed`);
      }),
    'trunkline secret remove registry-password --org acme',
  );
  withExample(
    withDirectory(secret.command('rotate'))
      .summary('a new encryption key for the secrets of all orgs')
      .description(
        'Encrypts the secrets of all orgs under a new key, a batch at a time. It may be interrupted, and goes on where it was. Where the key comes from the configuration (secrets.key), give the new one there first: new,old. For operators.',
      )
      .option('--batch <n>', 'secrets of one step', '100')
      .action((options: RotateOptions) => rotate(io, options)),
    'trunkline secret rotate',
  );
}

async function list(io: Io, options: ListOptions): Promise<void> {
  const limit = limitOf(options);
  const call = directoryOf(io, options);
  const listed = await listUpTo(limit, async (page) => {
    const { secrets, next } = await call('directory.secrets', page);
    return { items: secrets, next };
  });
  await printList(io, options, listed, 'secret', [
    { title: 'SECRET', value: ({ name }) => name },
    { title: 'CHANGED', value: ({ updatedMs, updatedBy }) => `${dateTime(updatedMs)} by ${updatedBy}` },
    { title: 'KEY', value: ({ keyId }) => keyId },
  ]);
}

async function put(io: Io, name: string, options: PutOptions): Promise<void> {
  const value = options.file === undefined ? await readInput(io, name) : readFile(io, options.file);
  if (value === '')
    throw new CliError('usage', 'the value is empty', { advice: 'Remove it: `secret remove`.' });
  if (value.length > MAX_VALUE)
    throw new CliError('usage', `a secret has at most ${count(MAX_VALUE)} characters`);
  const { secret } = await directoryOf(io, options)('directory.setSecret', { name, value });
  await printDone(io, options, secret, `secret ${name} is kept, under key ${secret.keyId}`);
}

async function readInput(io: Io, name: string): Promise<string> {
  if (io.inputIsTerminal) io.err(`Type the value of ${name}, then Ctrl-D. It is shown as you type.\n`);
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of io.input) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.length > MAX_VALUE + 1) break;
  }
  if (io.signal.aborted) throw new CliError('interrupted', 'interrupted; nothing was sent');
  return (text + decoder.decode()).replace(/\r?\n$/, '');
}

function readFile(io: Io, file: string): string {
  const text = io.readFile(resolve(io.cwd, file));
  if (text === undefined) throw new CliError('usage', `--file: ${file} cannot be read`);
  return text;
}

/** One call after the other, until nothing is left under an old key. An interruption leaves both keys in use, and every secret readable. */
async function rotate(io: Io, options: RotateOptions): Promise<void> {
  const batch = parseCount('--batch', options.batch, 1, 1_000);
  const call = directoryOf(io, options, { installation: true });
  let done = 0;
  for (;;) {
    const { keyId, rotated, remaining } = await call('directory.rotateSecrets', { batch });
    done += rotated;
    if (io.errorIsTerminal) io.err(`\r${progressOf(done, remaining)}${remaining === 0 ? '\n' : ''}`);
    else if (remaining > 0) io.err(`${progressOf(done, remaining)}\n`);
    if (remaining === 0)
      return printDone(
        io,
        options,
        { keyId, rotated: done },
        `${plural(done, 'secret')} encrypted anew; the key is ${keyId}`,
      );
    if (rotated === 0)
      throw new CliError('failure', `${plural(remaining, 'secret')} could not be encrypted anew`, {
        advice: 'The log of the server says why. `trunkline secret rotate` goes on from here.',
      });
  }
}

function progressOf(done: number, remaining: number): string {
  const percent = Math.floor((100 * done) / Math.max(1, done + remaining));
  return `${String(percent).padStart(3)} %  ${count(done)} of ${count(done + remaining)} secrets`;
}

/** Asking the server that has the database open. It names the file it wrote; on the same machine that file is moved to where it was wanted. */
import { copyFile, rename, rm } from 'node:fs/promises';
import { settingsOf } from '../connection-options.js';
import { CliError } from '../exit.js';
import type { Io } from '../io.js';
import type { StoreOptions } from './store-place.js';

/** Of a whole database. */
const BACKUP_TIMEOUT_MS = 600_000;
const STATUS_TIMEOUT_MS = 10_000;

export async function backupThroughServer(io: Io, options: StoreOptions, path: string): Promise<void> {
  const { path: written } = (await ask(io, options, 'POST', '/store/backup', BACKUP_TIMEOUT_MS)) as {
    path: string;
  };
  try {
    await rename(written, path).catch(async () => {
      // Another file system.
      await copyFile(written, path);
      await rm(written);
    });
  } catch (cause) {
    throw new CliError(
      'failure',
      `the server wrote the backup into ${written}, which cannot be reached from here`,
      { cause },
    );
  }
}

export async function statusThroughServer(
  io: Io,
  options: StoreOptions,
): Promise<{ readonly state: string }> {
  return (await ask(io, options, 'GET', '/store/status', STATUS_TIMEOUT_MS)) as { state: string };
}

async function ask(
  io: Io,
  options: StoreOptions,
  method: string,
  path: string,
  timeoutMs: number,
): Promise<unknown> {
  const { url, token, apiKey, org } = settingsOf(io, options);
  const deadline = new AbortController();
  const timer = io.clock.setTimeout(() => deadline.abort(), timeoutMs);
  let status: number;
  let text: string;
  try {
    // A token first: a key of one org may not do this, an operator's token may.
    // A key of all orgs has to name one, whichever: the database is of all of them.
    const withKey = apiKey === undefined ? {} : { 'x-api-key': apiKey, 'x-org': org ?? 'default' };
    const credential = token === undefined ? withKey : { authorization: `Bearer ${token}` };
    const answer = await io.fetch(`${url}${path}`, {
      method,
      headers: { ...credential, ...(method === 'POST' ? { 'content-type': 'application/json' } : {}) },
      ...(method === 'POST' ? { body: '{}' } : {}),
      signal: deadline.signal,
    });
    status = answer.status;
    text = await answer.text();
  } catch (cause) {
    throw new CliError('unreachable', `a server has the database open, and ${url} does not answer`, {
      advice: 'Name its address with --url, or stop the server.',
      cause,
    });
  } finally {
    timer.cancel();
  }
  if (status === 200) return JSON.parse(text) as unknown;
  throw new CliError(
    status === 401 || status === 403 ? 'denied' : 'failure',
    `the server refused: ${text.slice(0, 300)}`,
    {
      advice: "Give an operator's token with --token, or a key of all orgs with --api-key.",
    },
  );
}

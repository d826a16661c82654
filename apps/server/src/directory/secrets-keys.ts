/**
 * Where the keys of secrets come from: the configuration (several, for a rotation), or a file that only its owner can read, made once. The file is written
 * whole or not at all, and is on the disk before anything is sealed under a key in it.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeSecretsKey, SECRETS_KEY_BYTES } from '@trunkline/module-directory';
import { ConfigError } from '../config/load.js';

export interface SecretsKeys {
  /** The first one seals. */
  readonly keys: readonly Uint8Array[];
  /** Absent where they come from outside. */
  readonly keep?: (keys: readonly Uint8Array[]) => Promise<void>;
}

const FILE = 'secrets.key';

/** Throws `ConfigError` for a key that is none, and where the file can neither be read nor made. */
export function readSecretsKeys(configured: string | undefined, dataDir: string): SecretsKeys {
  if (configured !== undefined)
    return { keys: configured.split(',').map((text) => parseKey(text, 'secrets.key')) };
  const path = join(dataDir, FILE);
  const keep = (keys: readonly Uint8Array[]): void => writeKeys(dataDir, path, keys);
  try {
    const known = readFile(path);
    const keys = known ?? [makeSecretsKey()];
    if (!known) keep(keys);
    return { keys, keep: async (next) => keep(next) };
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw wrong('secrets.key', `is not set, and ${path} cannot be read or made: ${(cause as Error).message}`);
  }
}

function readFile(path: string): readonly Uint8Array[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw wrong('secrets.key', `is not set, and ${path} holds no key`);
  return lines.map((line) => parseKey(line, path));
}

function writeKeys(dataDir: string, path: string, keys: readonly Uint8Array[]): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  const lines = keys.map((key) => Buffer.from(key).toString('base64'));
  rmSync(draft, { force: true });
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeFileSync(
      file,
      `# Keys of secrets in the store. Without them secrets cannot be read. The first one is in use.\n${lines.join('\n')}\n`,
    );
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  // The new name too: otherwise the file of before could come back with the power, without the key that secrets are under by then.
  const folder = openSync(dataDir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** 32 bytes as base64, base64url or hexadecimal digits. */
function parseKey(text: string, where: string): Uint8Array {
  const trimmed = text.trim();
  const bytes = /^[0-9a-f]{64}$/i.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : /^[\w+/-]{43}=?$/.test(trimmed)
      ? Buffer.from(trimmed, 'base64')
      : Buffer.alloc(0);
  if (bytes.length !== SECRETS_KEY_BYTES)
    throw wrong(
      where,
      `must be ${SECRETS_KEY_BYTES} bytes as base64 or hexadecimal digits, e.g. of \`openssl rand -base64 32\``,
    );
  return new Uint8Array(bytes);
}

function wrong(path: string, message: string): ConfigError {
  return new ConfigError([{ path, message }]);
}

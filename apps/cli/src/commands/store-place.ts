/** Which store a command means, and how it is opened: directly, or through the server that has it open. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { CliError } from '../exit.js';
import type { Io } from '../io.js';
import type { Server } from '../server-port.js';
import { toConfigFailure } from './config.js';

export interface StoreOptions {
  readonly config?: string;
  readonly dev?: boolean;
  readonly url?: string;
  readonly apiKey?: string;
  readonly token?: string;
  readonly json?: boolean;
}

type Config = ReturnType<Server['loadConfig']>;
type Store = Awaited<ReturnType<Server['openStoreOffline']>>;

export function withConfig(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (YAML); default: trunkline.yaml where there is one')
    .option('--dev', 'as `serve --dev` would run')
    .option('--url <url>', 'the server, where it runs (TRUNKLINE_URL)')
    .option('--api-key <key>', 'key of all orgs, for a running server (TRUNKLINE_API_KEY)')
    .option('--token <jwt>', "an operator's token, for a running server (TRUNKLINE_TOKEN)")
    .option('--json', 'output for scripts');
}

/** Throws a `CliError` for a configuration that does not fit, or that has no store. */
export function configOf(io: Io, server: Server, { config, dev }: StoreOptions): Config {
  let found: Config;
  try {
    found = server.loadConfig({
      env: io.env,
      cwd: io.cwd,
      ...(config === undefined ? {} : { file: config }),
      flags: dev === true ? ['--dev'] : [],
    });
  } catch (cause) {
    throw toConfigFailure(cause);
  }
  if (!server.mayHaveStore(found.values))
    throw new CliError('usage', 'this configuration has no store', {
      advice: 'store.enabled is false, or redis.url is set without store.url.',
    });
  return found;
}

/** The path of a file that is not there yet. */
export function newFile({ cwd }: Io, file: string): string {
  const path = resolve(cwd, file);
  if (existsSync(path))
    throw new CliError('usage', `${path} is there already`, { advice: 'Give the name of a new file.' });
  return path;
}

/** The path of a file that is there. */
export function existingFile({ cwd }: Io, file: string): string {
  const path = resolve(cwd, file);
  if (!existsSync(path)) throw new CliError('notFound', `there is no file ${path}`);
  return path;
}

export type Opened<T> =
  { readonly kind: 'opened'; readonly store: Store } | { readonly kind: 'asked'; readonly answer: T };

/** Opens it; where another process has it open that is a failure. The caller disposes it. */
export async function openStore(server: Server, config: Config): Promise<Store> {
  try {
    return await server.openStoreOffline(config);
  } catch (cause) {
    throw toStoreFailure(cause, server.STORE_IN_USE);
  }
}

/** Opens it, or, where another process has it open, asks that one. */
export async function openStoreOrAsk<T>(
  server: Server,
  config: Config,
  ask: () => Promise<T>,
): Promise<Opened<T>> {
  try {
    return { kind: 'opened', store: await server.openStoreOffline(config) };
  } catch (cause) {
    if (isCode(cause, server.STORE_IN_USE)) return { kind: 'asked', answer: await ask() };
    throw toStoreFailure(cause);
  }
}

/** What the store refused, for a person. Anything else stays what it is. */
export function toStoreFailure(cause: unknown, inUse?: number): unknown {
  if (!(cause instanceof Error) || cause.name !== 'CodedError') return cause;
  const { code, message } = cause as Error & { readonly code: number };
  const advice = code === inUse ? 'Stop the server first.' : undefined;
  return new CliError('failure', `${message} (${code})`, { code, cause, ...(advice ? { advice } : {}) });
}

function isCode(cause: unknown, code: number): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code;
}

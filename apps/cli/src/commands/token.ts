/**
 * `trunkline token create`: signs a connection token with the key of the configuration, for tests and for applications that have no signing code
 * of their own yet. What is printed opens connections in the name of a user; it is not stored anywhere.
 */
import type { Command } from 'commander';
import { parseDuration, parseJson } from '../arguments.js';
import { withExample } from '../connection-options.js';
import { CliError } from '../exit.js';
import type { Io } from '../io.js';
import type { LoadServer, Server } from '../server-port.js';
import { findDevServer } from '../settings.js';
import { toConfigFailure } from './config.js';

interface TokenOptions {
  readonly user?: string;
  readonly org?: string;
  readonly role?: readonly string[];
  readonly group?: readonly string[];
  readonly channel?: readonly string[];
  readonly info?: string;
  readonly ttl: string;
  readonly config?: string;
  readonly json?: boolean;
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function addToken(program: Command, io: Io, loadServer: LoadServer): void {
  const create = program
    .command('token')
    .description('Connection tokens.')
    .command('create')
    .summary('sign a connection token')
    .description(
      "Prints a connection token (JWT), signed with the first shared secret of the configuration's auth.keys, or as the development server that runs here signs.",
    )
    .option('--user <user>', 'who (claim sub); absent: anonymous')
    .option('--org <org>', "the user's org; absent: the server's default org")
    .option('--role <role>', 'viewer, member, admin or operator; may be repeated', collect)
    .option('--group <group>', 'a group of the user; may be repeated', collect)
    .option('--channel <channel>', 'a channel the server subscribes the client to; may be repeated', collect)
    .option('--info <json>', 'shown to others in presence')
    .option('--ttl <duration>', 'life of the token, or "forever"', '1h')
    .option('-c, --config <file>', 'configuration file (YAML); default: trunkline.yaml where there is one')
    .option('--json', 'output for scripts')
    .action((options: TokenOptions) => createToken(io, loadServer, options));
  withExample(create, 'trunkline token create --user ann --role member --ttl 1h');
}

async function createToken(io: Io, loadServer: LoadServer, options: TokenOptions): Promise<void> {
  const ttlMs = options.ttl === 'forever' ? Infinity : parseDuration('--ttl', options.ttl);
  const info = options.info === undefined ? undefined : parseJson('--info', options.info);
  const server = await loadServer();
  const signing = findSigning(io, server, options.config);
  const claims = {
    ...(options.user === undefined ? {} : { sub: options.user }),
    ...(options.org === undefined ? {} : { org: options.org }),
    ...(options.role === undefined ? {} : { roles: options.role }),
    ...(options.group === undefined ? {} : { groups: options.group }),
    ...(options.channel === undefined ? {} : { channels: options.channel }),
    ...(info === undefined ? {} : { info }),
  };
  let token: string;
  try {
    token = await server.mintToken({ clock: io.clock, ...signing }, claims, ttlMs / 1_000);
  } catch (cause) {
    throw new CliError('usage', cause instanceof Error ? cause.message : String(cause), { cause });
  }
  const expiresAtMs = ttlMs === Infinity ? null : Math.floor((io.clock.now() + ttlMs) / 1_000) * 1_000;
  await io.out(options.json === true ? `${JSON.stringify({ token, expiresAtMs })}\n` : `${token}\n`);
}

type Signing = Omit<Parameters<Server['mintToken']>[0], 'clock'>;

/** Private keys do not belong into a server's configuration, so only shared secrets can sign here. */
function findSigning(io: Io, { loadConfig }: Server, file: string | undefined): Signing {
  let auth;
  try {
    auth = loadConfig({ env: io.env, cwd: io.cwd, ...(file === undefined ? {} : { file }) }).values.auth;
  } catch (cause) {
    throw toConfigFailure(cause);
  }
  for (const { alg, kid, secret } of auth.keys) {
    if (secret === undefined || (alg !== 'HS256' && alg !== 'HS384' && alg !== 'HS512')) continue;
    return {
      key: { algorithm: alg, secret, ...(kid === undefined ? {} : { kid }) },
      ...(auth.issuer[0] === undefined ? {} : { issuer: auth.issuer[0] }),
      ...(auth.audience[0] === undefined ? {} : { audience: auth.audience[0] }),
    };
  }
  const development = file === undefined ? developmentSigning(io) : undefined;
  if (development !== undefined) return development;
  throw new CliError('usage', 'the configuration has no key that can sign', {
    advice:
      'Add one that the server reads too, in trunkline.yaml:\n  auth:\n    keys:\n      - alg: HS256\n        secret: <at least 32 characters>\nor in the environment: TRUNKLINE_AUTH_KEYS=\'[{alg: HS256, secret: "…"}]\'.',
  });
}

/** A development server signs the token it leaves with the key it leaves; whoever may read that file may sign as it does. */
function developmentSigning(io: Io): Signing | undefined {
  const { apiKey, token } = findDevServer(io) ?? {};
  if (apiKey === undefined || token === undefined) return undefined;
  try {
    const { iss } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      readonly iss?: unknown;
    };
    return typeof iss === 'string' ? { key: { algorithm: 'HS256', secret: apiKey }, issuer: iss } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Where to connect and as whom. Flags win over the environment, the environment over the file that a development server leaves in
 * `.trunkline/dev.json` (looked for in the current directory and its parents), and that over http://localhost:8000.
 */
import { dirname, join } from 'node:path';
import { CliError } from './exit.js';
import type { Io } from './io.js';

export interface ConnectionFlags {
  readonly url?: string;
  readonly apiKey?: string;
  readonly token?: string;
  readonly org?: string;
}

export interface Settings {
  /** `http:` or `https:`, without a slash at the end. */
  readonly url: string;
  readonly apiKey: string | undefined;
  /** The key is the one that a development server left in its state file. */
  readonly keyFromState: boolean;
  readonly token: string | undefined;
  /** Likewise. */
  readonly tokenFromState: boolean;
  /** The org a key of all orgs acts in. */
  readonly org: string | undefined;
  /** Where the address came from, for messages. */
  readonly source: 'flag' | 'environment' | 'development server' | 'default';
}

const DEFAULT_URL = 'http://localhost:8000';
const STATE_FILE = join('.trunkline', 'dev.json');

export function resolveSettings(io: Pick<Io, 'env' | 'cwd' | 'readFile'>, flags: ConnectionFlags): Settings {
  const given = flags.url ?? nonEmpty(io.env['TRUNKLINE_URL']);
  const state = findDevServer(io);
  // A key of the development server is for that server: with another address given, it would be sent to a stranger.
  const ours =
    state !== undefined && (given === undefined || normaliseUrl(given) === state.url) ? state : undefined;
  const token = flags.token ?? nonEmpty(io.env['TRUNKLINE_TOKEN']);
  const key = flags.apiKey ?? nonEmpty(io.env['TRUNKLINE_API_KEY']);
  return {
    url: given !== undefined ? normaliseUrl(given) : (state?.url ?? DEFAULT_URL),
    apiKey: key ?? ours?.apiKey,
    keyFromState: key === undefined && ours?.apiKey !== undefined,
    token: token ?? ours?.token,
    tokenFromState: token === undefined && ours?.token !== undefined,
    org: flags.org ?? nonEmpty(io.env['TRUNKLINE_ORG']),
    source:
      flags.url !== undefined
        ? 'flag'
        : given !== undefined
          ? 'environment'
          : state !== undefined
            ? 'development server'
            : 'default',
  };
}

/** The WebSocket address of the same server. */
export function socketUrl(settings: Settings): string {
  return `${settings.url.replace(/^http/, 'ws')}/connection/websocket`;
}

/** Accepts an address without a scheme (`localhost:8000`) and one of the socket (`ws:`). */
function normaliseUrl(given: string): string {
  const text = /^[a-z]+:\/\//i.test(given) ? given : `http://${given}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol)) {
    throw new CliError('usage', `"${given}" is no server address`, {
      advice: 'Give one like http://localhost:8000 with --url or TRUNKLINE_URL.',
    });
  }
  const path = url.pathname.replace(/\/connection\/websocket\/?$/, '').replace(/\/+$/, '');
  return `${url.protocol.replace('ws', 'http')}//${url.host}${path}`;
}

/** What a development server left; its credentials are good for that run of it only. */
export interface DevServer {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly token: string | undefined;
}

/** The nearest state file, from the current directory upwards. */
export function findDevServer(io: Pick<Io, 'cwd' | 'readFile'>): DevServer | undefined {
  for (let folder = io.cwd; ; folder = dirname(folder)) {
    const path = join(folder, STATE_FILE);
    const text = io.readFile(path);
    if (text !== undefined) return parseState(path, text);
    if (dirname(folder) === folder) return undefined;
  }
}

function parseState(path: string, text: string): DevServer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const field = (name: string): string | undefined => {
    const found =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    return typeof found === 'string' && found !== '' ? found : undefined;
  };
  const url = field('url');
  if (url === undefined)
    throw new CliError('usage', `${path} is not the state file of a development server`, {
      advice: 'Delete it, or name the server with --url.',
    });
  return { url: normaliseUrl(url), apiKey: field('apiKey'), token: field('token') };
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}

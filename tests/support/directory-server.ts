/** A server with a directory, on either engine of the store and beside an identity provider where a test wants one; and those who use it. */
import { fileURLToPath } from 'node:url';
import {
  freePort,
  startPostgres,
  until,
  type Kit,
  type Program,
  type RawClient,
  type TestServer,
} from '@trunkline/testkit';
import { SECRET } from './bed.js';
import { Visitor, type Visit } from './visitor.js';

const PROVIDER = fileURLToPath(new URL('identity-provider.mjs', import.meta.url));
const CLIENT_SECRET = 'secret of the server at the provider';
/** Of all orgs, in the configuration. */
export const ROOT_KEY = 'key-of-all-orgs-in-directory-tests';

export type Engine = 'embedded' | 'postgres';
export type Answer = {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
};

export interface DirectoryServerOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  /** Absent: embedded. */
  readonly storeUrl?: string;
  readonly oidc?: Readonly<Record<string, unknown>>;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export async function startDirectoryServer(
  kit: Kit,
  options: DirectoryServerOptions = {},
): Promise<TestServer> {
  const { config = {}, oidc, port, storeUrl, env = {} } = options;
  const server = await kit.server({
    ...(port === undefined ? {} : { port }),
    env: { ...env, ...(storeUrl === undefined ? {} : { TRUNKLINE_STORE_URL: storeUrl }) },
    readyTimeoutMs: 60_000,
    config: {
      auth: { keys: [{ alg: 'HS256', secret: SECRET }], ...(oidc ? { oidc } : {}) },
      console: { org: 'home' },
      api: { keys: [{ name: 'root', org: '*', key: ROOT_KEY }] },
      channels: { namespaces: [{ name: 'open', allowSubscribe: ['user'], allowPublish: ['user'] }] },
      server: { connectionAttemptsPerSecond: 'unlimited', connectionAttemptsBurst: 100_000 },
      log: { level: 'info' },
      ...config,
    },
  });
  // A first database takes its time to be made.
  const isOpen = async (): Promise<boolean> =>
    (await callDirectory(server, rootIn('home'), 'orgs')).status === 200;
  await until('the store is open', isOpen, 60_000, 200);
  return server;
}

/** A store URL of a fresh PostgreSQL, or none. */
export async function storeUrlOf(kit: Kit, engine: Engine): Promise<{ readonly storeUrl?: string }> {
  return engine === 'embedded' ? {} : { storeUrl: kit.use(await startPostgres()).url };
}

/** A server beside a provider with these people: claims by account id. */
export async function startSignOn(
  kit: Kit,
  people: Readonly<Record<string, object>>,
  options: DirectoryServerOptions = {},
): Promise<{ readonly server: TestServer; readonly provider: Program; readonly issuer: string }> {
  const port = await freePort();
  const provider = await kit.program({
    name: 'the identity provider',
    binary: process.execPath,
    args: (place) => [PROVIDER, String(place.port)],
    env: {
      PEOPLE: JSON.stringify(people),
      SECRET: CLIENT_SECRET,
      REDIRECT: `http://127.0.0.1:${port}/console/oidc/callback`,
    },
    ready: async (place) =>
      (await fetch(`http://127.0.0.1:${place.port}/.well-known/openid-configuration`)).ok,
  });
  const issuer = `http://127.0.0.1:${provider.port}`;
  const server = await startDirectoryServer(kit, {
    ...options,
    port,
    oidc: { issuer, clientId: 'trunkline', clientSecret: CLIENT_SECRET, ...options.oidc },
  });
  return { server, provider, issuer };
}

/** The operator of the one-time link. */
export async function signInByLink(server: TestServer): Promise<Person> {
  const asked = await fetch(`${server.url}/console/link`, {
    method: 'POST',
    headers: { 'x-api-key': ROOT_KEY },
  });
  const { link } = (await asked.json()) as { readonly link: string };
  const visitor = new Visitor();
  await visitor.ask(link);
  return new Person(server, visitor);
}

/** Goes through the provider as `account`; the last page that is shown. */
export async function signInAs(
  server: TestServer,
  account: string,
  visitor = new Visitor(),
): Promise<{ readonly visit: Visit; readonly person: Person }> {
  const begun = await visitor.ask(`${server.url}/console/oidc/login`);
  const location = begun.headers.get('location');
  if (location === null) throw new Error(`sign-in did not begin: ${begun.status} ${begun.text}`);
  const visit = await visitor.visit(`${location}&login_hint=${account}`);
  return { visit, person: new Person(server, visitor) };
}

/** Somebody with a session cookie. */
export class Person {
  readonly server: TestServer;
  readonly visitor: Visitor;

  constructor(server: TestServer, visitor: Visitor) {
    this.server = server;
    this.visitor = visitor;
  }

  /** A route of the console's door. */
  async door(method: 'GET' | 'POST', path: string): Promise<Answer> {
    return toAnswer(await this.visitor.ask(`${this.server.url}/console/${path}`, { method }));
  }

  /** A method of the directory, by cookie. */
  async call(method: string, params: object = {}, org?: string): Promise<Answer> {
    const headers = { 'content-type': 'application/json', ...(org === undefined ? {} : { 'x-org': org }) };
    const url = `${this.server.url}/directory/${method}`;
    return toAnswer(await this.visitor.ask(url, { method: 'POST', headers, body: JSON.stringify(params) }));
  }

  /** A connection token; throws what the door refuses. */
  async token(org?: string): Promise<string> {
    const { status, body, text } = await this.door('POST', `token${org === undefined ? '' : `?org=${org}`}`);
    if (status !== 200) throw new Error(`${status} ${text}`);
    return body['token'] as string;
  }

  /** A connection of the session; its client id is in the answer to `connect`. */
  async connect(kit: Kit, org?: string): Promise<RawClient> {
    const raw = await kit.raw(this.server.wsUrl);
    const reply = await raw.connect({ token: await this.token(org) });
    if (reply.error) throw new Error(JSON.stringify(reply.error));
    return raw;
  }
}

/** A method of the directory for a key, or with other headers. */
export async function callDirectory(
  server: TestServer,
  headers: Readonly<Record<string, string>>,
  method: string,
  params: object = {},
): Promise<Answer> {
  const response = await fetch(`${server.url}/directory/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(params),
  });
  return toAnswer({ status: response.status, text: await response.text() });
}

/** The operator's key, in an org. */
export function rootIn(org: string): Readonly<Record<string, string>> {
  return { 'x-api-key': ROOT_KEY, 'x-org': org };
}

/** What was answered; fails with the refusal. */
export function resultOf<T = Readonly<Record<string, unknown>>>({ status, body, text }: Answer): T {
  if (status !== 200) throw new Error(`${status} ${text}`);
  return body['result'] as T;
}

export function codeOf({ body }: Answer): number | undefined {
  return (body['error'] as { readonly code: number } | undefined)?.code;
}

function toAnswer({ status, text }: Pick<Visit, 'status' | 'text'>): Answer {
  let body: Answer['body'] = {};
  try {
    body = JSON.parse(text) as Answer['body'];
  } catch {
    // A page, or nothing.
  }
  return { status, text, body };
}

/**
 * An OpenID provider that does as a test says: what is in the ID token, who signed it, what the answer of the browser says. Its people never see a page: the
 * authorization endpoint sends them straight back.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  exportJWK,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from 'jose';
import type { Disposable } from '@trunkline/base';

export interface Plot {
  /** Over what an honest provider would say; undefined takes a claim away. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly signedBy?: 'the provider' | 'a stranger' | 'nobody';
  /** Over the parameters that the browser brings back. */
  readonly answer?: Readonly<Record<string, string>>;
  /** The token endpoint answers this status, never, or without end. */
  readonly token?: number | 'silence' | 'endless';
}

export interface HostileProvider extends Disposable {
  readonly issuer: string;
  plot: Plot;
  /** Requests to the token endpoint so far. */
  readonly exchanges: number;
}

const CLIENT = 'trunkline';

export async function startHostileProvider(): Promise<HostileProvider> {
  const [own, stranger] = [await generateKeyPair('RS256'), await generateKeyPair('RS256')];
  const jwk: JWK = { ...(await exportJWK(own.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  const state = { plot: {} as Plot, exchanges: 0 };
  /** Nonce of each code. */
  const codes = new Map<string, string>();
  let issuer = '';

  const mint = async (nonce: string): Promise<string> => {
    const { claims = {}, signedBy = 'the provider' } = state.plot;
    const now = Math.floor(Date.now() / 1_000);
    const honest = { iss: issuer, sub: 'eve', aud: CLIENT, iat: now, exp: now + 60, nonce };
    const entries = Object.entries({ ...honest, ...PERSON, ...claims }).filter(
      ([, value]) => value !== undefined,
    );
    const payload = Object.fromEntries(entries) as JWTPayload;
    if (signedBy === 'nobody') return new UnsecuredJWT(payload).encode();
    const key: CryptoKey = signedBy === 'the provider' ? own.privateKey : stranger.privateKey;
    return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(key);
  };

  const routes: Readonly<
    Record<string, (request: IncomingMessage, response: ServerResponse, url: URL) => unknown>
  > = {
    '/.well-known/openid-configuration': (_request, response) =>
      send(response, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        authorization_response_iss_parameter_supported: true,
      }),
    '/keys': (_request, response) => send(response, { keys: [jwk] }),
    '/authorize': (_request, response, url) => {
      const code = `code-${codes.size}`;
      codes.set(code, url.searchParams.get('nonce') ?? '');
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      const answer = { code, state: url.searchParams.get('state') ?? '', iss: issuer, ...state.plot.answer };
      for (const [name, value] of Object.entries(answer)) back.searchParams.set(name, value);
      response.writeHead(303, { location: back.href }).end();
    },
    '/token': async (request, response) => {
      state.exchanges++;
      const { token = 200 } = state.plot;
      if (token === 'silence') return;
      if (token === 'endless') return sendEndlessly(response);
      if (token !== 200) return send(response, { error: 'server_error' }, token);
      const form = new URLSearchParams(await bodyOf(request));
      const code = form.get('code') ?? '';
      const nonce = codes.get(code);
      codes.delete(code);
      if (nonce === undefined) return send(response, { error: 'invalid_grant' }, 400);
      send(response, { access_token: 'a', token_type: 'Bearer', id_token: await mint(nonce) });
    },
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://provider');
    const route = routes[url.pathname];
    if (!route) return response.writeHead(404).end();
    return void route(request, response, url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    get plot() {
      return state.plot;
    },
    set plot(next) {
      state.plot = next;
    },
    get exchanges() {
      return state.exchanges;
    },
    dispose: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const PERSON = { email: 'eve@example.com', email_verified: true, name: 'Eve', groups: ['staff'] };

const CHUNK = 'a'.repeat(64 * 1024);

function send(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** JSON that begins well, as fast as it is taken. */
function sendEndlessly(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const more = (): void => {
    while (!response.destroyed && response.write(CHUNK));
  };
  response.on('drain', more).write('{"access_token":"');
  more();
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

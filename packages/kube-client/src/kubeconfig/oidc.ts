/**
 * The `oidc` provider of a kubeconfig: an ID token as bearer token, exchanged for a new one with the refresh token when it ends. A refresh token that the issuer
 * replaces is kept in memory; the file is not written, so after a restart the file's one must still be good.
 */
import type { Clock } from '@trunkline/base';
import { resolve } from 'node:path';
import { Agent, type Dispatcher } from 'undici';
import { linkAbort } from '../abort.js';
import { codeOf, readText, type Credential, type CredentialSource, type TextSource } from '../credential.js';
import { KubeError } from '../errors.js';
import { CachedCredential, type Lease } from './cached.js';
import { invalid, pemOf, placeOf, requiredText, textOf, type Entry } from './document.js';

const ANSWER_MAX_BYTES = 262_144;
/** Longest time for both questions to the issuer together, in milliseconds. */
const REFRESH_MAX_MS = 20_000;

export class OidcCredential implements CredentialSource {
  readonly #clock: Clock;
  readonly #issuer: string;
  readonly #clientId: string;
  readonly #clientSecret: string | undefined;
  readonly #ca: TextSource | undefined;
  readonly #cached: CachedCredential;
  #refreshToken: string | undefined;
  #idToken: string | undefined;

  constructor(clock: Clock, config: Entry, folder: string) {
    this.#clock = clock;
    this.#issuer = requiredText(config, 'idp-issuer-url').replace(/\/$/, '');
    if (!/^https?:\/\//.test(this.#issuer))
      throw invalid(`${placeOf(config.place, 'idp-issuer-url')}: http or https expected`);
    this.#clientId = requiredText(config, 'client-id');
    this.#clientSecret = textOf(config, 'client-secret');
    const caFile = textOf(config, 'idp-certificate-authority');
    this.#ca =
      pemOf(config, 'idp-certificate-authority-data') ??
      (caFile === undefined ? undefined : { file: resolve(folder, caFile) });
    this.#refreshToken = textOf(config, 'refresh-token');
    this.#idToken = textOf(config, 'id-token');
    this.#cached = new CachedCredential(clock, () => this.#lease(clock.now()));
  }

  current(signal: AbortSignal): Promise<Credential> {
    return this.#cached.current(signal);
  }

  refused(used: Credential): boolean {
    return this.#cached.refused(used);
  }

  /** The token of the file the first time, if it is still good; a refreshed one afterwards. */
  async #lease(nowMs: number): Promise<Lease> {
    const given = this.#idToken;
    this.#idToken = undefined;
    const expiresAtMs = given === undefined ? 0 : expiryOf(given);
    if (given !== undefined && expiresAtMs > nowMs) return { credential: { token: given }, expiresAtMs };
    const token = await this.#refresh();
    return { credential: { token }, expiresAtMs: expiryOf(token) };
  }

  async #refresh(): Promise<string> {
    if (this.#refreshToken === undefined)
      throw failed('the ID token has ended and there is no refresh token');
    const ca = this.#ca === undefined ? undefined : await readText(this.#ca, 'idp-certificate-authority');
    const agent = new Agent({ connect: { timeout: REFRESH_MAX_MS, ...(ca === undefined ? {} : { ca }) } });
    const link = linkAbort(undefined);
    const late = (): void => link.abort(failed(`the issuer took more than ${REFRESH_MAX_MS} ms`));
    const deadline = this.#clock.setTimeout(late, REFRESH_MAX_MS);
    try {
      const { token_endpoint: endpoint } = await ask(
        agent,
        link.signal,
        `${this.#issuer}/.well-known/openid-configuration`,
      );
      if (typeof endpoint !== 'string')
        throw failed('token_endpoint: missing in the configuration of the issuer');
      const answer = await ask(agent, link.signal, endpoint, {
        grant_type: 'refresh_token',
        refresh_token: this.#refreshToken,
        client_id: this.#clientId,
        ...(this.#clientSecret === undefined ? {} : { client_secret: this.#clientSecret }),
      });
      if (typeof answer['id_token'] !== 'string')
        throw failed('id_token: missing in the answer of the issuer');
      if (typeof answer['refresh_token'] === 'string') this.#refreshToken = answer['refresh_token'];
      return answer['id_token'];
    } finally {
      deadline.cancel();
      await agent.destroy();
    }
  }
}

async function ask(
  agent: Agent,
  signal: AbortSignal,
  address: string,
  form?: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, unknown>>> {
  let url: URL;
  let answer: Dispatcher.ResponseData;
  let text: string;
  try {
    url = new URL(address);
    answer = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: form === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      body: form === undefined ? null : new URLSearchParams(form).toString(),
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    text = await readBounded(answer.body);
  } catch (cause) {
    signal.throwIfAborted();
    throw cause instanceof KubeError
      ? cause
      : new KubeError('kubeCredentialFailed', `oidc: ${codeOf(cause)}`, { cause });
  }
  if (answer.statusCode !== 200) throw failed(`the issuer answered ${answer.statusCode}`);
  try {
    // A number or null has no fields, and that is what the caller will say.
    return Object(JSON.parse(text)) as Readonly<Record<string, unknown>>;
  } catch {
    // The parser's error quotes what it read, and that may be a token.
    throw failed('the answer of the issuer is no JSON');
  }
}

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > ANSWER_MAX_BYTES) throw failed(`the issuer answered more than ${ANSWER_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** End of a JSON Web Token in Unix milliseconds, by its own word: whether it is genuine is for the API server to say. 0 where it says nothing that can be read. */
function expiryOf(token: string): number {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      readonly exp?: unknown;
    };
    return typeof exp === 'number' ? exp * 1_000 : 0;
  } catch {
    return 0;
  }
}

function failed(detail: string): KubeError {
  return new KubeError('kubeCredentialFailed', `oidc: ${detail}`);
}

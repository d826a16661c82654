/**
 * Methods of the directory (orgs, users, keys, secrets …): `POST <url>/directory/<method>`, one try. It decides which credential is sent, sees to
 * it that what is asked for one org never happens in another, and reads lists page by page. What a method does is the server's to say.
 */
import type { RpcParams, RpcResultOf } from '@trunkline/contracts';
import type { DirectoryContract, DirectoryMethod } from '@trunkline/contracts/directory';
import { send, toCliError, type ApiOutcome } from './api.js';
import { settingsOf, type ConnectionOptions } from './connection-options.js';
import { CliError } from './exit.js';
import type { Io } from './io.js';
import type { Settings } from './settings.js';
import { orgOf, signAsDevelopment } from './token-org.js';

export type DirectoryParams<M extends DirectoryMethod> = RpcParams<DirectoryContract, M>;
export type DirectoryResult<M extends DirectoryMethod> = RpcResultOf<DirectoryContract, M>;

/** Everything but an answer is a `CliError`. */
export type CallDirectory = <M extends DirectoryMethod>(
  method: M,
  params: DirectoryParams<M>,
) => Promise<DirectoryResult<M>>;

export interface DirectoryScope {
  /** The command concerns the installation or names its org itself: a key of all orgs need not be told one. */
  readonly installation?: boolean;
}

/** With what the options, the environment or a development server give. Throws `CliError` for a credential that cannot act in the org asked for. */
export function directoryOf(
  io: Io,
  options: ConnectionOptions,
  { installation = false }: DirectoryScope = {},
): CallDirectory {
  const settings = settingsOf(io, options);
  const credential = credentialOf(io, settings, options.token !== undefined, installation);
  return async (method, params) => {
    const url = `${settings.url}/directory/${method.slice('directory.'.length)}`;
    let outcome = await send(io, url, credential, params, io.signal);
    // Which org a key of all orgs names here makes no difference; a key of one org must not be sent another's name.
    if (installation && wantsOrg(outcome))
      outcome = await send(io, url, { ...credential, 'x-org': ANY_ORG }, params, io.signal);
    if (outcome.kind === 'answered') return (outcome.result ?? {}) as DirectoryResult<typeof method>;
    if (outcome.kind === 'unreachable' && io.signal.aborted)
      throw new CliError('interrupted', 'interrupted; the call may have had its effect');
    throw await toFailure(outcome, settings, credential);
  };
}

const ANY_ORG = 'default';
const BAD_REQUEST = 107;
const PERMISSION_DENIED = 103;
/** What a server says of an address that it does not have. */
const NO_ROUTE = /nothing answers/;

function wantsOrg(outcome: ApiOutcome): boolean {
  return (
    outcome.kind === 'refused' &&
    outcome.error.code === BAD_REQUEST &&
    /X-Org is required/.test(outcome.error.message)
  );
}

/**
 * A key that was given, else a token that was given, else what a development server left: its operator's token. `--token` comes before a key of
 * the environment.
 */
function credentialOf(
  io: Io,
  settings: Settings,
  tokenFlag: boolean,
  installation: boolean,
): Readonly<Record<string, string>> {
  const { apiKey, keyFromState, token, tokenFromState, org } = settings;
  if (apiKey !== undefined && !keyFromState && !tokenFlag)
    return { 'x-api-key': apiKey, ...(org === undefined ? {} : { 'x-org': org }) };
  if (token === undefined)
    return apiKey === undefined
      ? {}
      : { 'x-api-key': apiKey, ...(org === undefined ? {} : { 'x-org': org }) };
  if (installation || org === undefined || org === orgOf(token)) return { authorization: `Bearer ${token}` };
  if (tokenFromState && keyFromState && apiKey !== undefined)
    return { authorization: `Bearer ${signAsDevelopment(io.clock, apiKey, token, org)}` };
  throw new CliError('usage', `--org: the token acts in org ${orgOf(token) ?? '(none)'}, not in ${org}`, {
    advice: 'Give a token of that org, or a key with --api-key.',
  });
}

async function toFailure(
  outcome: Exclude<ApiOutcome, { kind: 'answered' }>,
  settings: Settings,
  credential: Readonly<Record<string, string>>,
): Promise<CliError> {
  const error = toCliError(outcome, settings);
  if (outcome.kind === 'unreachable') return error;
  const { code } = outcome.error;
  const advice = wantsOrg(outcome)
    ? 'The key is for all orgs: name one with --org or TRUNKLINE_ORG.'
    : code === PERMISSION_DENIED
      ? 'This takes an administrator of the org, or an operator: a key of the org or of all orgs (with the scope * or directory), or a token.'
      : outcome.status === 404 && (code === 404 || NO_ROUTE.test(outcome.error.message))
        ? 'The server at this address keeps no directory: it has no store, or is older than this command.'
        : Object.keys(credential).length === 0
          ? 'Give a key with --api-key or TRUNKLINE_API_KEY, or a token with --token.'
          : ((await helpOf(code)) ?? error.advice);
  return new CliError(error.exit, error.message, { code, advice });
}

/** What the module's own table of codes says. Loaded only when something was refused: it brings the schema library along. */
async function helpOf(code: number): Promise<string | undefined> {
  if (code < 1_200 || code >= 1_300) return undefined;
  const { DIRECTORY_CODES } = await import('@trunkline/contracts/directory');
  return Object.values(DIRECTORY_CODES).find((entry) => entry.code === code)?.help;
}

/** The largest page that the server gives. */
const PAGE = 1_000;

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | undefined;
}

export interface Listed<T> {
  readonly items: readonly T[];
  /** There are more than were asked for. */
  readonly more: boolean;
}

/** Reads pages until there are `limit` entries, or no more. */
export async function listUpTo<T>(
  limit: number,
  ask: (page: { readonly limit: number; readonly after?: string }) => Promise<Page<T>>,
): Promise<Listed<T>> {
  const items: T[] = [];
  let after: string | undefined;
  do {
    const wanted = Math.min(PAGE, limit - items.length);
    const page = await ask({ limit: wanted, ...(after === undefined ? {} : { after }) });
    items.push(...page.items);
    after = page.items.length === 0 ? undefined : page.next;
  } while (after !== undefined && items.length < limit);
  return { items: items.slice(0, limit), more: after !== undefined };
}

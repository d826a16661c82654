/**
 * The server's HTTP API: `POST <url>/api/<method>` with a key. `post` tells apart what a caller treats differently: an answer, a refusal
 * that will not change, a failure that may pass, and no server at all. `callApi` is for commands that try once.
 */
import type { apiMethods, ApiMethod, ApiResult } from '@trunkline/contracts/api';
import { CliError, exitOfCode } from './exit.js';
import type { Io } from './io.js';
import type { Settings } from './settings.js';

type ApiInput<M extends ApiMethod> = (typeof apiMethods)[M]['params']['_zod']['input'];

export interface ApiError {
  readonly code: number;
  readonly message: string;
}

export type ApiOutcome =
  | { readonly kind: 'answered'; readonly result: unknown }
  /** The server answered with a code. `temporary` where the same request may succeed later. */
  | {
      readonly kind: 'refused';
      readonly error: ApiError;
      readonly status: number;
      readonly temporary: boolean;
    }
  /** No server, or none that could be understood; `reason` for people. */
  | { readonly kind: 'unreachable'; readonly reason: string };

/** What became of each publication of a batch, in order; or why the request as a whole has no answer. */
export type SendOutcome =
  | { readonly kind: 'replies'; readonly replies: readonly (ApiError | undefined)[] }
  | Exclude<ApiOutcome, { kind: 'answered' }>;

/** Time for one answer. The server's own deadline for an API call is shorter. */
const ANSWER_TIMEOUT_MS = 30_000;

/** Codes whose retry is `afterBackoff` in the server's table. */
const TEMPORARY = new Set([100, 111, 113, 1000, 1001, 1005, 1007, 1008, 1100, 1101, 1102, 1103, 1104, 1106]);

export function isTemporary(code: number): boolean {
  return TEMPORARY.has(code);
}

export type ApiDeps = Pick<Io, 'fetch' | 'clock'>;

/** Never throws: what went wrong is in the outcome. `signal` gives up early (`unreachable`). */
export async function post(
  deps: ApiDeps,
  settings: Settings,
  method: string,
  params: object,
  signal?: AbortSignal,
): Promise<ApiOutcome> {
  const credential = {
    ...(settings.apiKey === undefined ? {} : { 'x-api-key': settings.apiKey }),
    ...(settings.org === undefined ? {} : { 'x-org': settings.org }),
  };
  return send(deps, `${settings.url}/api/${method}`, credential, params, signal);
}

/** The same for any address of the server that takes and answers JSON, with other credentials. */
export async function send(
  deps: ApiDeps,
  url: string,
  credential: Readonly<Record<string, string>>,
  params: object,
  signal?: AbortSignal,
): Promise<ApiOutcome> {
  const deadline = new AbortController();
  const abort = (): void => deadline.abort();
  const timer = deps.clock.setTimeout(abort, ANSWER_TIMEOUT_MS);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const answer = await deps.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...credential },
      body: JSON.stringify(params),
      signal: deadline.signal,
    });
    return toOutcome(answer.status, await answer.text());
  } catch (cause) {
    return {
      kind: 'unreachable',
      reason:
        deadline.signal.aborted && !signal?.aborted
          ? `no answer within ${ANSWER_TIMEOUT_MS / 1_000} s`
          : reasonOf(cause),
    };
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', abort);
  }
}

/** One try; everything but an answer is a `CliError`. */
export async function callApi<M extends ApiMethod>(
  deps: ApiDeps,
  settings: Settings,
  method: M,
  params: ApiInput<M>,
  signal?: AbortSignal,
): Promise<ApiResult<M>> {
  const outcome = await post(deps, settings, method, params, signal);
  // What a server of the same contract answered is not validated again.
  if (outcome.kind === 'answered') return (outcome.result ?? {}) as ApiResult<M>;
  if (outcome.kind === 'unreachable' && signal?.aborted === true)
    throw new CliError('interrupted', 'interrupted; the call may have had its effect');
  throw toCliError(outcome, settings, method);
}

/** The reply to one command of a batch. */
export type BatchReply<M extends ApiMethod> =
  | { readonly kind: 'result'; readonly result: ApiResult<M> }
  | { readonly kind: 'error'; readonly error: ApiError };

type BatchReplies<C extends Commands> = { readonly [M in keyof C]: BatchReply<M & ApiMethod> };
type Commands = { readonly [M in ApiMethod]?: ApiInput<M> };

/** Several methods in one request, each answered by itself, so that one that is refused hides no other. Throws as `callApi` does. */
export async function callTogether<const C extends Commands>(
  deps: ApiDeps,
  settings: Settings,
  commands: C,
  signal?: AbortSignal,
): Promise<BatchReplies<C>> {
  const methods = Object.keys(commands);
  const body = {
    commands: methods.map((method) => ({ [method]: commands[method as ApiMethod] })),
    parallel: true,
  };
  const outcome = await post(deps, settings, 'batch', body, signal);
  if (outcome.kind !== 'answered') {
    if (outcome.kind === 'unreachable' && signal?.aborted === true)
      throw new CliError('interrupted', 'interrupted');
    throw toCliError(outcome, settings);
  }
  const replies = (outcome.result as { readonly replies?: unknown } | null)?.replies;
  if (!Array.isArray(replies) || replies.length !== methods.length)
    throw new CliError('failure', 'the answer is not that of a batch');
  const entries = methods.map((method, at): [string, BatchReply<ApiMethod>] => {
    const reply = replies[at] as Readonly<Record<string, unknown>> | null;
    const error = toApiError(reply?.['error']);
    return error === undefined
      ? [method, { kind: 'result', result: (reply?.[method] ?? {}) as ApiResult<ApiMethod> }]
      : [method, { kind: 'error', error }];
  });
  return Object.fromEntries(entries) as BatchReplies<C>;
}

/** The result, or undefined where the method was refused. */
export function resultOf<M extends ApiMethod>(reply: BatchReply<M>): ApiResult<M> | undefined {
  return reply.kind === 'result' ? reply.result : undefined;
}

const METHOD_NOT_FOUND = 104;

export function toCliError(
  outcome: Exclude<ApiOutcome, { kind: 'answered' }>,
  settings: Settings,
  method = '',
): CliError {
  if (outcome.kind === 'unreachable') return unreachable(settings, outcome.reason);
  const { code, message } = outcome.error;
  const exit = outcome.status === 401 || outcome.status === 403 ? 'denied' : exitOfCode(code);
  return new CliError(exit, `the server refused: ${message} (${code})`, {
    code,
    advice:
      exit === 'denied'
        ? deniedAdvice(settings)
        : code === METHOD_NOT_FOUND && method !== ''
          ? `The server does not know the method ${method}: it is older than this command.`
          : undefined,
  });
}

export function unreachable(settings: Settings, reason: string): CliError {
  const where = {
    flag: 'the address of --url',
    environment: 'the address of TRUNKLINE_URL',
    'development server': 'the address in .trunkline/dev.json',
    default: 'the default address',
  }[settings.source];
  return new CliError('unreachable', `no Trunkline server answers at ${settings.url} (${reason})`, {
    advice: `That is ${where}. Start a server with \`npm start\` or \`trunkline serve\`, or name another with --url.`,
  });
}

function deniedAdvice(settings: Settings): string {
  return settings.apiKey === undefined
    ? 'Give a key with --api-key or TRUNKLINE_API_KEY. In the checkout of a development server none is needed: it is read from .trunkline/dev.json.'
    : 'Check the key, and that it belongs to the org and the server you mean.';
}

function toOutcome(status: number, text: string): ApiOutcome {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const fields = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const error = toApiError(fields['error']);
  if (error !== undefined)
    return {
      kind: 'refused',
      error,
      status,
      temporary: isTemporary(error.code) || status === 429 || status >= 500,
    };
  if (status >= 200 && status < 300 && body !== undefined)
    return { kind: 'answered', result: 'result' in fields ? fields['result'] : body };
  if (status === 429 || status >= 500) return { kind: 'unreachable', reason: `HTTP status ${status}` };
  return {
    kind: 'refused',
    error: {
      code: status,
      message: `HTTP status ${status}${status === 404 ? '; is this a Trunkline server?' : ''}`,
    },
    status,
    temporary: false,
  };
}

/** The error of an answer, or of one reply in a batch. */
export function toApiError(value: unknown): ApiError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, message } = value as Record<string, unknown>;
  return typeof code === 'number'
    ? { code, message: typeof message === 'string' ? message : 'no message' }
    : undefined;
}

/** A batch is answered reply by reply; anything else than as many replies as lines is no answer. */
export function toSendOutcome(outcome: ApiOutcome, count: number): SendOutcome {
  if (outcome.kind !== 'answered') return outcome;
  const replies = (outcome.result as { readonly replies?: unknown } | null)?.replies;
  if (!Array.isArray(replies) || replies.length !== count)
    return {
      kind: 'refused',
      error: { code: 100, message: 'the answer is not that of a batch' },
      status: 200,
      temporary: isTemporary(100),
    };
  return {
    kind: 'replies',
    replies: replies.map((reply: unknown) =>
      toApiError((reply as { readonly error?: unknown } | null)?.error),
    ),
  };
}

/** Errors of the network, by the code that Node gives them. */
const NETWORK_WORDS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ENOTFOUND', 'unknown host'],
  ['EAI_AGAIN', 'the name could not be looked up'],
  ['ECONNRESET', 'connection closed'],
  ['UND_ERR_SOCKET', 'connection closed'],
  ['ETIMEDOUT', 'no answer'],
  ['EHOSTUNREACH', 'no way to the host'],
  ['EMFILE', 'too many open files here: raise `ulimit -n`'],
  ['CERT_HAS_EXPIRED', 'the certificate has expired'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'the certificate is self-signed'],
]);

/** What went wrong on the way to a server, for people. */
export function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  if (!(inner instanceof Error)) return String(cause);
  const code = 'code' in inner && typeof inner.code === 'string' ? inner.code : undefined;
  return NETWORK_WORDS.get(code ?? '') ?? (inner.message || code || inner.name);
}

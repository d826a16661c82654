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

/** Time for one answer. The server's own deadline for an API call is shorter. */
const ANSWER_TIMEOUT_MS = 30_000;

/** Codes whose retry is `afterBackoff` in the server's table. */
const TEMPORARY = new Set([100, 111, 113, 1000, 1001, 1005]);

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
  const deadline = new AbortController();
  const abort = (): void => deadline.abort();
  const timer = deps.clock.setTimeout(abort, ANSWER_TIMEOUT_MS);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const answer = await deps.fetch(`${settings.url}/api/${method}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(settings.apiKey === undefined ? {} : { 'x-api-key': settings.apiKey }),
        ...(settings.org === undefined ? {} : { 'x-org': settings.org }),
      },
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
  throw toCliError(outcome, settings);
}

export function toCliError(outcome: Exclude<ApiOutcome, { kind: 'answered' }>, settings: Settings): CliError {
  if (outcome.kind === 'unreachable') return unreachable(settings, outcome.reason);
  const { code, message } = outcome.error;
  const exit = outcome.status === 401 || outcome.status === 403 ? 'denied' : exitOfCode(code);
  return new CliError(exit, `the server refused: ${message} (${code})`, {
    code,
    advice: exit === 'denied' ? deniedAdvice(settings) : undefined,
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

function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  if (!(inner instanceof Error)) return String(cause);
  const code = 'code' in inner && typeof inner.code === 'string' ? inner.code : undefined;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOTFOUND') return 'unknown host';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'connection closed';
  return inner.message || code || inner.name;
}

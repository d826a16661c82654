/** The checks of `trunkline doctor` that need HTTP alone: reach, readiness, clocks, API key and versions. */
import { post, reasonOf, toCliError } from '../api.js';
import { duration } from '../format.js';
import type { Io } from '../io.js';
import type { Settings } from '../settings.js';
import { failed, skipped, type Check, type DoctorDeps } from './check.js';

const ANSWER_TIMEOUT_MS = 10_000;
/** The `Date` header has whole seconds, and the answer takes its time. */
const SKEW_ALLOWED_MS = 2_000;
const SKEW_BAD_MS = 30_000;

export function sourceWords({ source }: Settings): string {
  return {
    flag: 'from --url',
    environment: 'from TRUNKLINE_URL',
    'development server': 'from .trunkline/dev.json',
    default: 'the default',
  }[source];
}

export function reachAdvice({ url }: Settings): string {
  const { hostname, protocol } = new URL(url);
  return protocol === 'https:'
    ? 'Is the name right, the certificate valid and the port open?'
    : `Is the server running, and does it listen on an address that ${hostname} leads to? By default it listens on 127.0.0.1 only (server.host).`;
}

type Got =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly date: string | null;
      readonly tookMs: number;
    }
  | { readonly kind: 'unreachable'; readonly reason: string };

export async function get({ fetch, clock, signal }: Io, url: string): Promise<Got> {
  const deadline = new AbortController();
  const abort = (): void => deadline.abort();
  const timer = clock.setTimeout(abort, ANSWER_TIMEOUT_MS);
  signal.addEventListener('abort', abort, { once: true });
  const began = clock.monotonic();
  try {
    const answer = await fetch(url, { method: 'GET', headers: {}, signal: deadline.signal });
    await answer.text();
    return {
      kind: 'answer',
      status: answer.status,
      date: answer.headers.get('date'),
      tookMs: clock.monotonic() - began,
    };
  } catch (cause) {
    return {
      kind: 'unreachable',
      reason: deadline.signal.aborted
        ? `no answer within ${ANSWER_TIMEOUT_MS / 1_000} s`
        : `no connection: ${reasonOf(cause)}`,
    };
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', abort);
  }
}

export async function readiness(io: Io, settings: Settings): Promise<Check> {
  const ready = await get(io, `${settings.url}/health/ready`);
  if (ready.kind === 'answer' && ready.status === 200)
    return { check: 'ready', status: 'ok', detail: 'takes connections' };
  return {
    check: 'ready',
    status: 'warning',
    detail:
      ready.kind === 'answer'
        ? `not ready (HTTP status ${ready.status}): the node drains or has not started yet`
        : ready.reason,
    advice: 'Clients are moved to other nodes meanwhile; its log says why.',
  };
}

export function clockSkew(answer: Extract<Got, { kind: 'answer' }>, nowMs: number): Check {
  const serverMs = answer.date === null ? NaN : Date.parse(answer.date);
  if (Number.isNaN(serverMs)) return skipped('clock', 'the answer carries no date');
  // The header was cut to the second, and written while the answer was on its way.
  const skewMs = nowMs - answer.tookMs / 2 - (serverMs + 500);
  if (Math.abs(skewMs) <= SKEW_ALLOWED_MS)
    return { check: 'clock', status: 'ok', detail: 'the same as here, within two seconds' };
  const detail = `the server's clock is ${duration(Math.abs(skewMs))} ${skewMs > 0 ? 'behind' : 'ahead of'} this one`;
  return {
    check: 'clock',
    status: 'warning',
    detail,
    advice:
      Math.abs(skewMs) > SKEW_BAD_MS
        ? 'Tokens count as expired, or as not yet valid: set the clocks (NTP), or auth.clockTolerance.'
        : 'Short-lived tokens may count as expired; auth.clockTolerance allows for it.',
  };
}

export async function checkApi({ io, settings, version }: DoctorDeps): Promise<{
  readonly checks: readonly Check[];
  readonly usable: boolean;
}> {
  if (settings.apiKey === undefined)
    return { checks: [skipped('API key', 'none given: --api-key or TRUNKLINE_API_KEY')], usable: false };
  const outcome = await post(io, settings, 'info', {}, io.signal);
  if (outcome.kind !== 'answered') {
    const { message, advice, exit } = toCliError(outcome, settings, 'info');
    return { checks: [failed('API key', message, exit, advice)], usable: false };
  }
  const nodes = (outcome.result as { readonly nodes?: readonly { readonly version?: string }[] } | null)
    ?.nodes;
  const found = nodes?.[0]?.version;
  const checks: Check[] = [{ check: 'API key', status: 'ok', detail: 'accepted' }];
  if (found === undefined) checks.push(skipped('version', 'the server does not tell its version'));
  else if (seriesOf(found) === seriesOf(version))
    checks.push({ check: 'version', status: 'ok', detail: `server ${found}, command ${version}` });
  else
    checks.push({
      check: 'version',
      status: 'warning',
      detail: `server ${found}, command ${version}`,
      advice: 'Use the command of the same release as the server.',
    });
  return { checks, usable: true };
}

/** `0.1.7` is of the series `0.1`. */
function seriesOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/**
 * The checks of `trunkline doctor` on a WebSocket: upgrade, token, subscribe, and a publication that comes back. They speak the wire by hand: the client SDK
 * would repair what is to be found here.
 */
import { randomId } from '@trunkline/base';
import { post, toApiError, toCliError } from '../api.js';
import { exitOfCode, type ExitName } from '../exit.js';
import { duration } from '../format.js';
import type { Io } from '../io.js';
import { socketUrl, type Settings } from '../settings.js';
import type { SocketEnd } from '../sockets.js';
import { WireSession, type WirePush, type WireReply } from '../wire-session.js';
import { failed, skipped, type Check, type DoctorDeps, type DoctorOptions } from './check.js';

/** Time for a publication to come back. */
const ROUND_TRIP_TIMEOUT_MS = 5_000;

/** The session and what comes in, as promises. */
interface Link {
  readonly session: WireSession;
  readonly opened: Promise<SocketEnd | undefined>;
  readonly ended: Promise<SocketEnd>;
  onPush: (push: WirePush) => void;
}

async function openLink({ io, loadSockets, settings }: DoctorDeps): Promise<Link> {
  const open = await loadSockets();
  let onOpened: (end: SocketEnd | undefined) => void = () => undefined;
  let onEnded: (end: SocketEnd) => void = () => undefined;
  const opened = new Promise<SocketEnd | undefined>((resolve) => (onOpened = resolve));
  const ended = new Promise<SocketEnd>((resolve) => (onEnded = resolve));
  const link: { onPush: (push: WirePush) => void } = { onPush: () => undefined };
  const session = new WireSession({ clock: io.clock, open }, socketUrl(settings), {
    onOpen: () => onOpened(undefined),
    onPush: (push) => link.onPush(push),
    onEnd: (end) => {
      onOpened(end);
      onEnded(end);
    },
  });
  io.signal.addEventListener('abort', () => session.close(), { once: true });
  return Object.assign(link, { session, opened, ended });
}

export async function* checkWire(
  deps: DoctorDeps,
  options: DoctorOptions,
  apiUsable: boolean,
): AsyncGenerator<Check, void, undefined> {
  const link = await openLink(deps);
  try {
    const refusal = await link.opened;
    if (refusal !== undefined) return yield upgradeFailed(refusal);
    yield { check: 'WebSocket', status: 'ok', detail: 'the upgrade passes' };
    const connect = await connectCheck(deps, link);
    yield connect;
    if (connect.status === 'failed') return;
    yield* checkChannel(deps, link, options, apiUsable);
  } finally {
    link.session.close();
  }
}

function upgradeFailed(end: SocketEnd): Check {
  if (end.kind === 'unreachable') return failed('WebSocket', end.reason, 'unreachable');
  if (end.kind === 'closed')
    return failed(
      'WebSocket',
      `closed before it was open (${end.code})`,
      'unreachable',
      'A proxy on the way cuts upgraded connections.',
    );
  const advice: Readonly<Record<number, string>> = {
    403: 'The origin is not allowed (server.allowedOrigins), or a proxy refuses.',
    404: 'A proxy in front does not pass /connection/websocket on.',
    426: 'A proxy in front drops the Upgrade header: it must pass Upgrade and Connection on.',
    400: 'A proxy in front drops or changes the Upgrade header: it must pass Upgrade and Connection on.',
    429: 'Too many connection attempts from this address: server.connectionAttemptsPerSecond.',
    503: 'The node drains, or holds as many connections as it may.',
  };
  return failed(
    'WebSocket',
    `the upgrade was answered with HTTP status ${end.status}`,
    'failure',
    advice[end.status] ??
      'The answer is that of something in between: a proxy, a load balancer or a firewall.',
  );
}

async function connectCheck({ io, settings }: DoctorDeps, link: Link): Promise<Check> {
  const reply = await link.session.request('connect', {
    ...(settings.token === undefined ? {} : { token: settings.token }),
    name: 'trunkline-doctor',
  });
  const named = settings.token === undefined ? 'without a token' : 'with the token';
  if (reply.kind === 'result')
    return {
      check: 'token',
      status: 'ok',
      detail: `connected ${named} as client ${String(reply.result['client'] ?? '')}`,
    };
  const claims = settings.token === undefined ? undefined : claimsOf(settings.token);
  const advice =
    settings.token === undefined
      ? 'Give a token with --token or TRUNKLINE_TOKEN; `trunkline token create` makes one.'
      : tokenAdvice(claims, io.clock.now());
  if (reply.kind === 'error')
    return failed(
      'token',
      `refused ${named}: ${reply.error.message} (${reply.error.code})`,
      'denied',
      advice,
    );
  if (reply.kind === 'timeout') return failed('token', 'the connect command was not answered', 'failure');
  const end = await link.ended;
  return failed(
    'token',
    end.kind === 'closed'
      ? `the server closed the connection: ${end.reason || 'no reason'} (${end.code})`
      : 'the connection ended',
    'denied',
    advice,
  );
}

function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** What can be seen without the key. */
function tokenAdvice(claims: Readonly<Record<string, unknown>> | undefined, nowMs: number): string {
  if (claims === undefined) return 'It is no JSON Web Token: three parts with dots between them.';
  const { exp, nbf, iss, aud, org } = claims;
  if (typeof exp === 'number' && exp * 1_000 <= nowMs)
    return `It expired ${duration(nowMs - exp * 1_000)} ago (claim exp).`;
  if (typeof nbf === 'number' && nbf * 1_000 > nowMs)
    return `It is not valid yet, for another ${duration(nbf * 1_000 - nowMs)} (claim nbf).`;
  const says = [
    `issuer ${JSON.stringify(iss ?? null)}`,
    `audience ${JSON.stringify(aud ?? null)}`,
    `org ${JSON.stringify(org ?? null)}`,
  ].join(', ');
  return `Its times are right (${says}). Compare with auth.issuer, auth.audience and auth.defaultOrg of the server, and the key it was signed with with auth.keys.`;
}

async function* checkChannel(
  deps: DoctorDeps,
  link: Link,
  options: DoctorOptions,
  apiUsable: boolean,
): AsyncGenerator<Check, void, undefined> {
  const { io } = deps;
  const own = options.channel === undefined;
  const channel = options.channel ?? `trunkline-doctor-${randomId(io.random, 8)}`;
  const reply = await link.session.request('subscribe', { channel });
  if (reply.kind !== 'result') {
    const refusal = subscribeFailed(channel, reply);
    // Nobody asked for this channel: that clients may not use it is no fault.
    yield own && refusal.exit === 'denied'
      ? {
          ...refusal,
          status: 'warning',
          advice: 'Name a channel that your clients use: --channel news:today.',
        }
      : refusal;
    return;
  }
  yield { check: 'subscribe', status: 'ok', detail: channel };
  if (!own && !options.publish)
    return yield skipped('round trip', `nothing is published into ${channel} without --publish`);
  yield await roundTrip(deps, link, channel, apiUsable);
}

function subscribeFailed(channel: string, reply: Exclude<WireReply, { kind: 'result' }>): Check {
  if (reply.kind !== 'error')
    return failed(
      'subscribe',
      `${channel}: ${reply.kind === 'timeout' ? 'not answered' : 'the connection ended'}`,
      'failure',
    );
  const { code, message } = reply.error;
  return failed(
    'subscribe',
    `${channel}: ${message} (${code})`,
    exitOfCode(code),
    code === 103
      ? 'The namespace of this name does not admit this token (allowSubscribe, or a capability of the token), or there is no such namespace: `trunkline namespaces` lists them.'
      : code === 107
        ? 'A map is subscribed to in another way: give a channel of type stream.'
        : undefined,
  );
}

async function roundTrip(
  { io, settings }: DoctorDeps,
  link: Link,
  channel: string,
  apiUsable: boolean,
): Promise<Check> {
  const mark = randomId(io.random);
  const began = io.clock.monotonic();
  const arrived = new Promise<number>((resolve) => {
    link.onPush = (push) => {
      const data = push.pub?.data as { readonly doctor?: unknown } | null | undefined;
      if (push.channel === channel && data?.doctor === mark) resolve(io.clock.monotonic() - began);
    };
  });
  const refusal = apiUsable
    ? await publishByApi(io, settings, channel, mark)
    : await publishByWire(link, channel, mark);
  const how = apiUsable ? 'through the API' : 'as a client';
  if (refusal !== undefined)
    return failed('round trip', `publishing ${how}: ${refusal.message}`, refusal.exit, refusal.advice);
  const late = new Promise<undefined>((resolve) => {
    const timer = io.clock.setTimeout(() => resolve(undefined), ROUND_TRIP_TIMEOUT_MS);
    void arrived.then(() => timer.cancel());
  });
  const tookMs = await Promise.race([arrived, late, link.ended.then(() => undefined)]);
  if (tookMs === undefined)
    return failed(
      'round trip',
      `published ${how}, and nothing came within ${duration(ROUND_TRIP_TIMEOUT_MS)}`,
      'failure',
      apiUsable
        ? 'The key and the token may be of different orgs, whose channels never meet; or the nodes have no broker in common.'
        : 'The nodes may have no broker in common.',
    );
  return { check: 'round trip', status: 'ok', detail: `published ${how}, back after ${duration(tookMs)}` };
}

interface Refusal {
  readonly message: string;
  readonly exit: ExitName;
  readonly advice?: string | undefined;
}

async function publishByApi(
  io: Io,
  settings: Settings,
  channel: string,
  mark: string,
): Promise<Refusal | undefined> {
  const outcome = await post(io, settings, 'publish', { channel, data: { doctor: mark } }, io.signal);
  if (outcome.kind === 'answered') {
    const error = toApiError((outcome.result as { readonly error?: unknown } | null)?.error);
    return error === undefined ? undefined : { message: error.message, exit: 'failure' };
  }
  return toCliError(outcome, settings, 'publish');
}

async function publishByWire(link: Link, channel: string, mark: string): Promise<Refusal | undefined> {
  const reply = await link.session.request('publish', { channel, data: { doctor: mark } });
  if (reply.kind === 'result') return undefined;
  if (reply.kind !== 'error') return { message: 'not answered', exit: 'failure' };
  return {
    message: `${reply.error.message} (${reply.error.code})`,
    exit: exitOfCode(reply.error.code),
    advice: 'Clients may not publish there; give --api-key to publish as a backend does.',
  };
}

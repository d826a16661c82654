/** The two ways of a bench to publish: batches through the HTTP API, as a backend does, or commands on a connection of its own, as a client does. */
import { sleep } from '@trunkline/base';
import { post, toSendOutcome, type ApiDeps, type ApiError, type SendOutcome } from '../api.js';
import { socketUrl, type Settings } from '../settings.js';
import type { OpenSocket, SocketEnd } from '../sockets.js';
import { WireSession } from '../wire-session.js';
import type { PublishPort } from './publisher.js';

export function createApiPort(deps: ApiDeps, settings: Settings): PublishPort {
  return {
    send: async (drafts) => {
      const commands = drafts.map(({ channel, data, idempotencyKey }) => ({
        publish: { channel, data, idempotency_key: idempotencyKey },
      }));
      return toSendOutcome(await post(deps, settings, 'batch', { commands }), drafts.length);
    },
    close: () => undefined,
  };
}

/** Time for a connection to be open. */
const OPEN_TIMEOUT_MS = 5_000;

export function createClientPort(
  deps: ApiDeps & { readonly open: OpenSocket },
  settings: Settings,
): PublishPort {
  let present:
    { readonly session: WireSession; readonly ready: Promise<SendOutcome | undefined> } | undefined;
  const connect = (): NonNullable<typeof present> => {
    let onOpen: (end: SocketEnd | undefined) => void = () => undefined;
    const opened = new Promise<SocketEnd | undefined>((resolve) => (onOpen = resolve));
    const session: WireSession = new WireSession(deps, socketUrl(settings), {
      onOpen: () => onOpen(undefined),
      onPush: () => undefined,
      onEnd: (end) => {
        present = undefined;
        onOpen(end);
      },
    });
    return { session, ready: login(session, opened) };
  };
  const login = async (
    session: WireSession,
    opened: Promise<SocketEnd | undefined>,
  ): Promise<SendOutcome | undefined> => {
    const late = sleep(deps.clock, OPEN_TIMEOUT_MS).then(() => 'late' as const);
    const end = await Promise.race([opened, late]);
    if (end !== undefined) return { kind: 'unreachable', reason: 'the publishing connection was not opened' };
    const reply = await session.request('connect', {
      ...(settings.token === undefined ? {} : { token: settings.token }),
      name: 'trunkline-bench',
    });
    if (reply.kind === 'result') return undefined;
    if (reply.kind !== 'error') return { kind: 'unreachable', reason: 'the publishing connection ended' };
    return { kind: 'refused', error: reply.error, status: 200, temporary: false };
  };
  return {
    send: async (drafts) => {
      present ??= connect();
      const { session, ready } = present;
      const problem = await ready;
      if (problem !== undefined) {
        session.close();
        present = undefined;
        return problem;
      }
      const replies = await Promise.all(
        drafts.map(({ channel, data }) => session.request('publish', { channel, data })),
      );
      if (replies.some(({ kind }) => kind === 'ended' || kind === 'timeout'))
        return { kind: 'unreachable', reason: 'the publishing connection ended' };
      return {
        kind: 'replies',
        replies: replies.map((reply): ApiError | undefined =>
          reply.kind === 'error' ? reply.error : undefined,
        ),
      };
    },
    close: () => present?.session.close(),
  };
}

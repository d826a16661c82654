import { FakeClock, settle } from '@trunkline/base/testing';
import { describe, expect, test } from 'vitest';
import type { SocketEnd } from './sockets.js';
import { createFakeSockets } from './testing.js';
import { WireSession } from './wire-session.js';

function setUp() {
  const clock = new FakeClock();
  const seen: unknown[] = [];
  const ends: SocketEnd[] = [];
  const { open, sockets } = createFakeSockets(() => undefined);
  const session = new WireSession({ clock, open }, 'ws://a', {
    onOpen: () => void seen.push('open'),
    onPush: (push) => void seen.push(push.pub?.data),
    onEnd: (end) => void ends.push(end),
  });
  return { clock, session, socket: sockets[0], seen, ends };
}

describe('the wire by hand', () => {
  test('[CLI-24] a reply is handed over before the push behind it in the same frame', async () => {
    const { session, socket, seen } = setUp();
    await settle();
    session.call('subscribe', { channel: 'a' }, (reply) => void seen.push(reply));
    socket?.push({ id: 1, subscribe: { offset: 3 } }, { push: { channel: 'a', pub: { data: 'x' } } });
    expect(seen).toEqual(['open', { kind: 'result', result: { offset: 3 } }, 'x']);
  });

  test('[CLI-22] errors, silence and the end settle every request', async () => {
    const { clock, session, socket, ends } = setUp();
    await settle();
    const denied = session.request('subscribe', { channel: 'a' });
    socket?.push({ id: 1, error: { code: 103, message: 'permission denied' } });
    expect(await denied).toEqual({ kind: 'error', error: { code: 103, message: 'permission denied' } });
    const silent = session.request('subscribe', { channel: 'b' }, 1_000);
    await clock.advance(1_000);
    expect(await silent).toEqual({ kind: 'timeout' });
    const cut = session.request('subscribe', { channel: 'c' });
    socket?.push({ push: { disconnect: { code: 3008, reason: 'slow' } } });
    socket?.end({ kind: 'closed', code: 3008, reason: '' });
    expect(await cut).toEqual({ kind: 'ended' });
    expect(ends).toEqual([{ kind: 'closed', code: 3008, reason: 'slow' }]);
    expect(await session.request('ping', {})).toEqual({ kind: 'ended' });
    expect(clock.pending).toBe(0);
  });
});

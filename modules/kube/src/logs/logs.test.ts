import { createSeededRandom, silentLogger } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { createTestHub } from '@trunkline/hub/testing';
import { KubeError, type LogOptions } from '@trunkline/kube-client';
import type { Principal } from '@trunkline/hub';
import { describe, expect, it } from 'vitest';
import type { Access, Upstreams } from '../ports.js';
import { createLogs } from './logs.js';
import { formatLogName } from './names.js';

const CHANNEL = formatLogName(
  { cluster: 'c1', namespace: 'web', pod: 'p', container: 'main', previous: false, tail: 5 },
  255,
);

/** A hub with logs, and two who are connected. */
async function open(access: Access) {
  const { hub, clock, peer } = createTestHub({ pingIntervalMs: 0 });
  // Rights can be asked about, whatever comes of it.
  const upstreams: Pick<Upstreams, 'doubt'> = {
    doubt: (_cluster, _identity, { onDoubt }) => {
      onDoubt(undefined);
      return { dispose: () => undefined };
    },
  };
  const parts = createLogs({ clock, random: createSeededRandom(1), logger: silentLogger, access, upstreams });
  await hub.use({ id: 'kube', start: () => parts });
  const [ada, bob] = [peer(), peer()];
  await bob.connect({ user: 'bob' });
  await ada.connect({ user: 'ada' });
  return { hub, clock, ada, bob };
}

describe('logs as channels', () => {
  it('[KWIRE-65] a log that breaks goes on in the name of another reader where the first may not read any more', async () => {
    const forbidden = new Set<string>();
    /** In whose name each stream was opened, and what ends it. */
    const streams: { readonly user: string; end(error?: Error): void }[] = [];
    const streamOf = (user: string) =>
      async function* ({ signal }: LogOptions): AsyncGenerator<readonly Uint8Array[]> {
        let end: (error?: Error) => void = () => undefined;
        const over = new Promise<Error | undefined>((resolve) => (end = resolve));
        signal?.addEventListener('abort', () => end());
        streams.push({ user, end });
        yield [Buffer.from(`2026-01-01T00:00:0${streams.length}Z line ${streams.length}`)];
        const error = await over;
        if (error) throw error;
      };
    const access = {
      enter: ({ user }: Principal) =>
        Promise.resolve({ id: 'c1', upstream: { kind: 'server' }, own: { logs: streamOf(user) } }),
      may: ({ user }: Principal) =>
        forbidden.has(user)
          ? Promise.reject(new KubeError('kubeForbidden', 'no more'))
          : Promise.resolve({ recheckMs: 4_000 }),
    } as unknown as Access;
    const { hub, clock, ada, bob } = await open(access);
    await bob.call({ subscribe: { channel: CHANNEL } });
    await clock.advance(100);
    await ada.call({ subscribe: { channel: CHANNEL } });
    forbidden.add('ada');
    streams[0]?.end(new KubeError('kubeConnectionLost', 'ECONNRESET'));
    await settle();
    await clock.advance(12_000);
    expect(streams.map(({ user }) => user)).toEqual(['bob', 'bob']);
    const texts = (await bob.publications(CHANNEL)).map(({ data }) => JSON.stringify(data)).join();
    expect(texts).toContain('line 2');
    expect(texts).not.toContain('"end"');
    expect(
      (await ada.frames()).map(({ push }) => (push as { unsubscribe?: { code: number } })?.unsubscribe?.code),
    ).toContain(2101);
    await hub.dispose();
  });

  it('[KUBE-17] while rights cannot be asked about those who read stay, and nobody new is let in', async () => {
    let inDoubt = false;
    const access = {
      enter: () => Promise.resolve({ id: 'c1', upstream: { kind: 'server' }, own: { logs: silent } }),
      may: (_principal: Principal, _cluster: string, _ask: unknown, newcomer = false) =>
        newcomer && inDoubt
          ? Promise.reject(new KubeError('kubeUnreachable', 'nobody answers'))
          : Promise.resolve({ recheckMs: 4_000 }),
    } as unknown as Access;
    const { hub, clock, ada, bob } = await open(access);
    await ada.call({ subscribe: { channel: CHANNEL } });
    inDoubt = true;
    await clock.advance(12_000);
    expect(await bob.call({ subscribe: { channel: CHANNEL } })).toMatchObject({ error: { temporary: true } });
    expect(
      (await ada.frames()).filter(({ push }) => (push as { unsubscribe?: object })?.unsubscribe),
    ).toEqual([]);
    inDoubt = false;
    expect(await bob.call({ subscribe: { channel: CHANNEL } })).toMatchObject({ subscribe: {} });
    await hub.dispose();
  });
});

/** A log in which nothing is said until its reader leaves. */
async function* silent({ signal }: LogOptions): AsyncGenerator<readonly Uint8Array[]> {
  await new Promise((resolve) => signal?.addEventListener('abort', resolve));
  yield [];
}

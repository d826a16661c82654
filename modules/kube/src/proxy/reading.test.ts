import { getEventListeners } from 'node:events';
import { settle } from '@trunkline/base/testing';
import { KubeError, type KubeRequest } from '@trunkline/kube-client';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startBed, type Fake } from './testing/bed.js';

const PODS = '/api/v1/namespaces/web/pods';

afterEach(() => vi.restoreAllMocks());

describe('reading through the proxy', () => {
  it('[KWIRE-42] paths and queries that could mean something else are refused before anybody is asked', async () => {
    const bed = startBed({ writes: true });
    const paths = [
      ...[
        '/',
        '//',
        '/api//v1/pods',
        `${PODS}//`,
        `${PODS}/%2e%2e/secrets`,
        `${PODS}/..%2fsecrets`,
        `${PODS}/.`,
      ],
      ...[
        `${PODS}/a%2Fexec`,
        `${PODS}/%252e%252e`,
        `${PODS}/a%5C..`,
        `${PODS}/a%00`,
        `${PODS}/%ff`,
        `${PODS}/%`,
      ],
      ...[
        '/API/v1/pods',
        '/metrics',
        '/logs',
        '/debug/pprof',
        '/%61piserver',
        '/.well-known/x',
        '/apis%2Fapps',
      ],
      ...['/api/v1/proxy/nodes/n', '/api/v1/watch/pods', '/api/v1/watch', '/apis/apps/v1/watch/deployments'],
      ...[
        '/api/v1/namespaces/web/proxy/x',
        `${PODS}/a/proxy`,
        `${PODS}/a/proxy/x/y`,
        '/api/v1/nodes/n/proxy/run',
      ],
      ...[`${PODS}/a/exec`, `${PODS}/a/%65xec`, `${PODS}/a/attach`, `${PODS}/a/portforward/`],
      // Anything but `0` and `false` is a yes to an API server, also nothing.
      ...['watch', 'watch=', 'watch=1', 'watch=f', 'watch=no', 'watch=true', '%77atch=1', 'a&watch'].map(
        (query) => `${PODS}?${query}`,
      ),
      ...['follow', 'follow=', 'follow=yes'].map((query) => `${PODS}/a/log?${query}`),
      // Said twice, each reader could take another one.
      ...['watch=0&watch=1', 'limit=1&limit=2', 'fieldSelector=metadata.name%3Da&fieldSelector='].map(
        (query) => `${PODS}?${query}`,
      ),
    ];
    for (const path of paths)
      expect([path, (await bed.ask('GET', path)).json()]).toEqual([
        path,
        expect.objectContaining({ kind: 'Status', code: 400 }),
      ]);
    expect((await bed.ask('DELETE', `${PODS}/a?dryRun=All&dryRun=`)).status).toBe(400);
    expect(bed.told).toEqual([]);
  });

  it('[KWIRE-40] [KWIRE-41] what is served goes there as one text only, without what says who asks', async () => {
    const bed = startBed();
    const headers = {
      cookie: 'c',
      authorization: 'Bearer x',
      'impersonate-user': 'root',
      'x-remote-user': 'root',
    };
    for (const [path, sent] of [
      ['/version/', '/version'],
      [`${PODS}/?watch=0&follow=false`, `${PODS}?watch=0&follow=false`],
      [`${PODS}?Watch=1&token=mine&token=too`, `${PODS}?Watch=1`],
      [`${PODS}?limit=1;watch=1`, `${PODS}?limit=1%3Bwatch%3D1`],
      [`${PODS}/a%3Fwatch=1#x`, `${PODS}/a%3Fwatch%3D1%23x`],
      [`${PODS}/a/Exec`, `${PODS}/a/Exec`],
      [`${PODS}/\u00e4`, `${PODS}/%C3%A4`],
      ['/api/v1/namespaces/web/status', '/api/v1/namespaces/web/status'],
    ] as const) {
      expect([path, (await bed.ask('GET', path, undefined, { headers })).status]).toEqual([path, 200]);
      expect(bed.sent.at(-1)).toMatchObject({ path: sent });
      expect(Object.keys(bed.sent.at(-1)?.headers ?? {})).toEqual(['accept']);
    }
    // Two segments after a namespace's name lie in it; its own two subresources do not.
    expect(bed.told.filter((one) => one.startsWith('may')).at(-1)).toBe('may get namespaces/status');
  });

  it('[KWIRE-43] of two content types in one line browsers take the last: neither is passed on', async () => {
    for (const type of [
      'text/html',
      'application/json, text/html',
      'text/plain;a=,text/html',
      'application/com.github.proto-openapi,text/html',
      'application/json\u00a0x',
    ]) {
      const bed = startBed({ answer: () => ({ headers: { 'content-type': type } }) });
      const { headers } = await bed.ask('GET', PODS);
      expect([type, headers['content-type'], headers['content-disposition']]).toEqual([
        type,
        'application/octet-stream',
        'attachment',
      ]);
    }
    for (const type of [
      'application/json;as=Table;v=v1',
      'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
    ]) {
      const bed = startBed({ answer: () => ({ headers: { 'content-type': type } }) });
      expect((await bed.ask('GET', PODS)).headers['content-type']).toBe(type);
    }
  });

  it('[KWIRE-44] whatever goes wrong, every place is given back, and nothing is left of a request', async () => {
    const listening = vi.spyOn(EventTarget.prototype, 'addEventListener');
    const fate = fc.record({
      method: fc.constantFrom('GET', 'GET', 'POST', 'DELETE'),
      path: fc.constantFrom(PODS, '/api/v1/pods', '/version', REVIEW, `${PODS}/..`, `${PODS}/a`),
      answers: fc.array(
        fc.constantFrom(
          'fine',
          'forbidden',
          'moved',
          'gzip',
          'fails',
          'breaks',
          'hangs',
          'cut',
          'html',
          'long',
        ),
        { minLength: 1, maxLength: 3 },
      ),
      refused: fc.constantFrom('no', 'whole', 'all'),
      audit: fc.constantFrom('keeps', 'fails'),
      leaves: fc.constantFrom('never', 'before', 'soon'),
    });
    const fates = fc.sample(fate, { numRuns: 1_000, seed: 7 });
    let now = fates[0];
    let asked = 0;
    const bed = startBed({
      writes: true,
      maxPerUser: 2,
      maxTotal: 3,
      maxAnswerMs: 1_000,
      maxAnswerBytes: 4_000,
      refuse: ({ namespace }) =>
        now?.refused === 'all' || (now?.refused === 'whole' && namespace === undefined),
      sight: { kind: 'namespaces', namespaces: ['a', 'b', 'c'], reason: 'only some', recheckMs: 1_000 },
      audit: () => (now?.audit === 'fails' ? Promise.reject(new Error('disk full')) : Promise.resolve()),
      answer: (request) => answerOf(now?.answers[asked++ % now.answers.length] ?? 'fine', request),
    });
    for (const [index, one] of fates.entries()) {
      now = one;
      const caller = new AbortController();
      if (one.leaves === 'before') caller.abort(new Error('gone'));
      const body = one.method === 'GET' ? undefined : { metadata: { name: 'a' } };
      const over = bed.ask(one.method, one.path, body, { signal: caller.signal });
      await settle();
      if (one.leaves === 'soon') caller.abort(new Error('gone'));
      await bed.clock.advance(1_000);
      const { status } = await over;
      expect([one, status]).not.toEqual([one, 429]);
      if (index % 50 > 0) continue;
      now = { ...one, answers: ['fine'] };
      const both = await Promise.all([bed.ask('GET', '/version'), bed.ask('GET', '/version')]);
      expect(both.map((answer) => answer.status)).toEqual([200, 200]);
    }
    const [life] = mostHeard(listening.mock.contexts);
    expect(life).toBeInstanceOf(AbortSignal);
    expect(getEventListeners(life as AbortSignal, 'abort')).toEqual([]);
  });
});

const REVIEW = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';

const LIST = '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{}';

function answerOf(kind: string, { signal }: KubeRequest): Fake | Promise<Fake> {
  const broken = new KubeError('kubeConnectionLost', 'broken');
  const answers: Readonly<Record<string, Fake>> = {
    fine: { body: [LIST, ']}'] },
    forbidden: { status: 403 },
    moved: { status: 302 },
    gzip: { headers: { 'content-encoding': 'gzip' } },
    breaks: { body: [LIST, broken] },
    cut: { body: [LIST] },
    html: { headers: { 'content-type': 'text/html' }, body: ['<html>'] },
    long: { body: [LIST, `,"${'x'.repeat(4_000)}"]}`] },
  };
  if (kind === 'fails') return Promise.reject(broken);
  if (kind !== 'hangs') return answers[kind] ?? {};
  return new Promise<Fake>((_resolve, reject) => {
    const end = (): void => reject(signal?.reason as Error);
    if (signal?.aborted === true) end();
    else signal?.addEventListener('abort', end, { once: true });
  });
}

/** Signals by how often somebody began to listen to them: first the one that outlives all requests. */
function mostHeard(contexts: readonly unknown[]): unknown[] {
  const counts = new Map<unknown, number>();
  for (const one of contexts) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([one]) => one);
}

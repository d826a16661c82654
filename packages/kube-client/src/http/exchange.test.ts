import { FakeClock } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import { createKubeCluster, type KubeCluster } from '../cluster.js';
import type { KubeConnection } from '../connection.js';
import type { Credential } from '../credential.js';
import type { KubeClusterOptions } from '../options.js';
import {
  answerJson,
  answerStatus,
  answerText,
  FakeBody,
  FakeWire,
  neverAnswer,
} from '../testing/fake-wire.js';

const PODS = { group: '', version: 'v1', resource: 'pods' };

function createBed(connection: Partial<KubeConnection> = {}, options: Partial<KubeClusterOptions> = {}) {
  const clock = new FakeClock();
  const wire = new FakeWire(() => answerJson(200, { gitVersion: 'v1.36.0' }));
  const cluster = createKubeCluster(
    { clock, wire },
    { server: 'https://api.example.com', ...connection },
    options,
  );
  return { clock, wire, cluster };
}

async function bodyOf(cluster: KubeCluster, path: string): Promise<string> {
  const { body } = await cluster.request({ path });
  let text = '';
  for await (const chunk of body) text += new TextDecoder().decode(chunk);
  return text;
}

describe('a connection', () => {
  it('[KCL-1] is checked at the door, by name of the field, and dials nothing', () => {
    for (const [given, field] of [
      [{ server: 'api.example.com' }, 'server'],
      [{ server: 'ftp://api.example.com' }, 'server'],
      [{ server: 'https://user:secret@api.example.com' }, 'server'],
      [{ server: 'https://api.example.com/?a=1' }, 'server'],
      [{ server: 'https://api.example.com/#x' }, 'server'],
      [{ proxyUrl: 'socks4://proxy' }, 'proxyUrl'],
      [{ impersonate: { user: '' } }, 'impersonate.user'],
      [{ impersonate: { user: 'a\r\nImpersonate-Group: system:masters' } }, 'impersonate.user'],
      [{ impersonate: { user: 'a', groups: ['ok', 'bäd'] } }, 'impersonate.groups'],
    ] as const)
      expect(() => createBed(given)).toThrow(field);
    expect(() => createBed({ server: 'https://user:secret@h' })).not.toThrow('secret');
    expect(() => createBed({}, { pageSize: -1 })).toThrow('pageSize');
    expect(createBed().wire.requests).toEqual([]);
  });

  it('[KCL-2] has its path in front of every other', async () => {
    const { wire, cluster } = createBed({ server: 'https://host/k8s/clusters/x/' });
    await cluster.version();
    await cluster.request({ path: '/api?a=b' });
    expect(wire.requests.map(({ path }) => path)).toEqual([
      '/k8s/clusters/x/version',
      '/k8s/clusters/x/api?a=b',
    ]);
  });

  it('[KCL-2] a path that could climb out of the prefix is refused before anything is sent', async () => {
    const { wire, cluster } = createBed({ server: 'https://host/k8s/clusters/x' });
    for (const path of [
      'api',
      '',
      '/../y',
      '/a/../../y',
      '/%2e%2e/y',
      '/a/.%2E/y',
      '/a%2f..%2fy',
      '/a\\..\\y',
      '/a/%5c../y',
      '/./a',
      '/a b',
      '/a\nb',
      '/ä',
      '/a#b',
    ])
      // prettier-ignore
      await expect(cluster.request({ path })).rejects.toMatchObject({ kind: 'kubeRefused' });
    await expect(cluster.request({ path: '/a..b/...?x=/../' })).resolves.toMatchObject({ status: 200 });
    expect(wire.requests).toHaveLength(1);
  });

  it('[KCL-3] a name that the server would read as something else is refused', async () => {
    const { wire, cluster } = createBed();
    for (const bad of ['', '.', '..', 'a/b', 'a%2fb', '../secrets', 'a\\b', 'a\u0000', '\ud800'])
      for (const call of [
        cluster.list({ ...PODS, namespace: bad }),
        cluster.list({ ...PODS, resource: bad }),
        cluster.get(PODS, bad),
        cluster.watch({ ...PODS, group: 'g', version: bad }),
      ])
        await expect(call).rejects.toMatchObject({ kind: 'kubeRefused' });
    expect(wire.requests).toEqual([]);
    await cluster.request({ path: '/x' });
    wire.handle = () => answerJson(200, { kind: 'X', metadata: { name: 'a:b c' } });
    await cluster.get({ ...PODS, group: 'rbac', namespace: 'n' }, 'a:b c');
    expect(wire.requests.at(-1)?.path).toBe('/apis/rbac/v1/namespaces/n/pods/a%3Ab%20c');
  });

  it('[KCL-4] alone says who asks', async () => {
    const credentials = { current: async () => ({ token: 'ours' }), refused: () => false };
    const { wire, cluster } = createBed({
      credentials,
      impersonate: { user: 'jane', groups: ['dev', 'ops'] },
    });
    const headers = {
      Authorization: 'Bearer theirs',
      'IMPERSONATE-User': 'root',
      'Impersonate-Extra-x': 'y',
      Host: 'other',
      'Transfer-Encoding': 'chunked',
      'X-Other': '1',
    };
    await cluster.request({ path: '/x', headers });
    expect(wire.requests[0]?.headers).toEqual({
      accept: 'application/json',
      'user-agent': 'trunkline',
      'x-other': '1',
      authorization: 'Bearer ours',
      'impersonate-user': 'jane',
      'impersonate-group': ['dev', 'ops'],
    });
    await cluster.as({ user: 'joe' }).request({ path: '/x' });
    expect(wire.requests[1]?.headers).toMatchObject({ 'impersonate-user': 'joe' });
    expect(wire.requests[1]?.headers).not.toHaveProperty('impersonate-group');
    expect(() => cluster.as({ user: 'a\nb' })).toThrow('impersonate.user');
  });
});

describe('a credential', () => {
  const scripted = (answers: Credential[], helps: boolean) => {
    const refused: Credential[] = [];
    const current = async (): Promise<Credential> => answers.shift() ?? {};
    return { current, refused: (used: Credential) => refused.push(used) > 0 && helps, list: refused };
  };

  it('[KCL-5] is asked for before every request', async () => {
    const { wire, cluster } = createBed({ credentials: scripted([{ token: 'a' }, { token: 'b' }], false) });
    await cluster.version();
    await cluster.version();
    expect(wire.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer a', 'Bearer b']);
  });

  it('[KCL-6] that is refused is asked for once more, where that can help', async () => {
    for (const helps of [true, false]) {
      const credentials = scripted([{ token: 'old' }, { token: 'new' }], helps);
      const { wire, cluster } = createBed({ credentials });
      wire.handle = ({ headers }) =>
        headers['authorization'] === 'Bearer new'
          ? answerJson(200, { gitVersion: 'v1' })
          : answerStatus(401, 'Unauthorized');
      const call = cluster.version();
      if (helps) await expect(call).resolves.toEqual({ gitVersion: 'v1' });
      else await expect(call).rejects.toMatchObject({ kind: 'kubeUnauthorized', status: 401 });
      expect([credentials.list, wire.requests.length]).toEqual([[{ token: 'old' }], helps ? 2 : 1]);
    }
  });

  it('[KCL-6] and only once', async () => {
    const { wire, cluster } = createBed({ credentials: scripted([], true) });
    wire.handle = () => answerStatus(401, 'Unauthorized');
    await expect(cluster.version()).rejects.toMatchObject({ kind: 'kubeUnauthorized' });
    expect(wire.requests).toHaveLength(2);
  });

  it('[KCL-4] that does not fit into a header is refused without its text', async () => {
    for (const token of ['', 'a b', 'secret\r\nImpersonate-User: root', 'sécret']) {
      const { wire, cluster } = createBed({ credentials: scripted([{ token }], false) });
      const error = await cluster.version().catch((cause: unknown) => cause);
      expect(error).toMatchObject({ kind: 'kubeCredentialFailed' });
      expect(String(error)).not.toContain('cret');
      expect(wire.requests).toEqual([]);
    }
  });
});

describe('time', () => {
  it('[KCL-7] without headers in time the call fails, credentials included, and the request is ended', async () => {
    const never = { current: () => new Promise<Credential>(() => undefined), refused: () => false };
    for (const connection of [{}, { credentials: never }]) {
      const { clock, wire, cluster } = createBed(connection, { headersTimeoutMs: 5_000 });
      wire.handle = neverAnswer;
      const call = expect(cluster.version()).rejects.toMatchObject({ kind: 'kubeTimeout' });
      await clock.advance(5_000);
      await call;
      expect(wire.requests.every(({ signal }) => signal.aborted)).toBe(true);
      expect(clock.pending).toBe(0);
    }
  });

  it('[KCL-7] a body that says nothing fails, one that goes on slowly does not', async () => {
    const { clock, wire, cluster } = createBed({}, { bodySilenceMs: 5_000 });
    let body: FakeBody | undefined;
    wire.handle = ({ signal }) => ({ status: 200, headers: {}, body: (body = new FakeBody(signal)) });
    const slow = bodyOf(cluster, '/x');
    for (let second = 0; second < 60; second += 4) {
      await clock.advance(4_000);
      body?.push('x');
    }
    body?.end();
    expect(await slow).toBe('x'.repeat(15));
    const silent = expect(bodyOf(cluster, '/x')).rejects.toMatchObject({ kind: 'kubeSilent' });
    await clock.advance(5_000);
    await silent;
    expect([body?.open, clock.pending]).toEqual([false, 0]);
  });

  it('[KCL-7] what the reader takes for itself is not silence', async () => {
    const { clock, wire, cluster } = createBed({}, { bodySilenceMs: 5_000 });
    let body: FakeBody | undefined;
    wire.handle = ({ signal }) => ({ status: 200, headers: {}, body: (body = new FakeBody(signal)) });
    const answer = await cluster.request({ path: '/x' });
    const chunks = answer.body[Symbol.asyncIterator]();
    body?.push('a');
    body?.push('b');
    expect((await chunks.next()).done).toBe(false);
    await clock.advance(60_000);
    expect((await chunks.next()).done).toBe(false);
    answer.discard();
    await expect(chunks.next()).rejects.toThrow('not wanted');
    expect([body?.open, clock.pending]).toEqual([false, 0]);
  });

  it('[KCL-8] a cancelled call fails with the reason of its signal, before, while and after it is sent', async () => {
    const { clock, wire, cluster } = createBed();
    const reason = new Error('enough');
    await expect(cluster.version(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(wire.requests).toEqual([]);
    const controller = new AbortController();
    wire.handle = neverAnswer;
    const call = expect(cluster.version(controller.signal)).rejects.toBe(reason);
    await clock.advance(10);
    controller.abort(reason);
    await call;
    const other = new AbortController();
    wire.handle = ({ signal }) => ({ status: 200, headers: {}, body: new FakeBody(signal) });
    const reading = expect(cluster.version(other.signal)).rejects.toBe(reason);
    await clock.advance(10);
    other.abort(reason);
    await reading;
    expect(clock.pending).toBe(0);
  });
});

describe('errors', () => {
  it('[KCL-9] have a code for each kind of answer, with the words of the server', async () => {
    const { wire, cluster } = createBed({}, { retries: 0 });
    for (const [status, reason, kind, retry] of [
      [400, 'BadRequest', 'kubeRefused', 'never'],
      [401, 'Unauthorized', 'kubeUnauthorized', 'never'],
      [403, 'Forbidden', 'kubeForbidden', 'never'],
      [404, 'NotFound', 'kubeNotFound', 'never'],
      [408, 'Timeout', 'kubeServerError', 'afterBackoff'],
      [409, 'Conflict', 'kubeConflict', 'never'],
      [410, 'Expired', 'kubeExpired', 'afterResync'],
      [422, 'Invalid', 'kubeRefused', 'never'],
      [429, 'TooManyRequests', 'kubeThrottled', 'afterBackoff'],
      [500, 'Expired', 'kubeExpired', 'afterResync'],
      [500, 'InternalError', 'kubeServerError', 'afterBackoff'],
      [503, 'ServiceUnavailable', 'kubeServerError', 'afterBackoff'],
      [302, '', 'kubeRefused', 'never'],
    ] as const) {
      wire.handle = () => answerStatus(status, reason, 'pods is forbidden');
      const error = await cluster.version().catch((cause: unknown) => cause);
      expect(error).toMatchObject({ kind, retry, status, reason, code: expect.any(Number) });
      expect(String(error)).toContain('pods is forbidden');
    }
  });

  it('[KCL-9] pass on a text of bounded length, and nothing of a page that is no Status', async () => {
    const { wire, cluster } = createBed();
    wire.handle = () => answerStatus(403, 'Forbidden', 'x'.repeat(50_000));
    expect(String(await cluster.version().catch((cause: unknown) => cause)).length).toBeLessThan(1_100);
    for (const page of ['<html>secret</html>', '"secret"', '{"message":["secret"]}', '{"message":"secret']) {
      wire.handle = () => answerText(502, page);
      const error = await cluster.version().catch((cause: unknown) => cause);
      expect([String(error).includes('secret'), String(error).includes('502')]).toEqual([false, true]);
    }
  });

  it('[KCL-9] are those of the status, even where its body breaks off or never ends', async () => {
    const { wire, cluster, clock } = createBed();
    wire.handle = ({ signal }) => {
      const body = new FakeBody(signal);
      body.push('{"reason":"Forb');
      body.cut();
      return { status: 403, headers: {}, body };
    };
    await expect(cluster.version()).rejects.toMatchObject({ kind: 'kubeForbidden' });
    wire.handle = ({ signal }) => {
      const body = new FakeBody(signal);
      for (let index = 0; index < 100; index++) body.push('x'.repeat(10_000));
      return { status: 403, headers: {}, body };
    };
    await expect(cluster.version()).rejects.toMatchObject({ kind: 'kubeForbidden' });
    expect(clock.pending).toBe(0);
  });

  it('[KCL-10] a read that is asked to wait is asked again, as often as allowed and not later than allowed', async () => {
    const { clock, wire, cluster } = createBed({}, { retries: 2, retryAfterMaxMs: 30_000 });
    wire.handle = () => answerStatus(429, 'TooManyRequests', '', { 'retry-after': '7' });
    const call = expect(
      cluster.reviewSelf({ verb: 'list', group: '', resource: 'pods' }),
    ).rejects.toMatchObject({
      kind: 'kubeThrottled',
      retryAfterMs: 7_000,
    });
    await clock.advance(6_999);
    expect(wire.requests).toHaveLength(1);
    await clock.advance(20_000);
    await call;
    expect(wire.requests).toHaveLength(3);
    for (const [header, waitMs] of [
      [new Date(clock.now() + 4_000).toUTCString(), 4_000],
      ['3600', 30_000],
      ['-5', undefined],
      ['soon', undefined],
    ] as const) {
      wire.handle = () => answerStatus(503, '', '', { 'retry-after': header });
      const error = (await cluster.watch(PODS).catch((cause: unknown) => cause)) as { retryAfterMs?: number };
      if (waitMs === undefined) expect(error.retryAfterMs ?? 0).toBe(0);
      else expect(Math.abs((error.retryAfterMs ?? 0) - waitMs)).toBeLessThan(1_001);
    }
  });

  it('[KCL-11] an answer above the bound is refused by the name of the option, and its stream ended', async () => {
    const { wire, cluster } = createBed({}, { maxBodyBytes: 1_000 });
    let body: FakeBody | undefined;
    wire.handle = ({ signal }) => {
      body = new FakeBody(signal);
      for (let index = 0; index < 2_000; index++) body.push('x');
      return { status: 200, headers: {}, body };
    };
    await expect(cluster.version()).rejects.toThrow('maxBodyBytes');
    expect(body?.open).toBe(false);
  });

  it('[KCL-9] an answer that is no JSON, or not what was asked for, is said to be so', async () => {
    const { wire, cluster } = createBed();
    for (const body of ['<html>', '', 'null', '[]', '{"gitVersion":1}', new Uint8Array([0x22, 0xff, 0x22])]) {
      wire.handle = () => answerText(200, body);
      await expect(cluster.version()).rejects.toMatchObject({ kind: 'kubeBadAnswer' });
      await expect(cluster.get(PODS, 'a')).rejects.toMatchObject({ kind: 'kubeBadAnswer' });
      await expect(cluster.list(PODS)).rejects.toMatchObject({ kind: 'kubeBadAnswer' });
      await expect(cluster.reviewRules('n')).rejects.toMatchObject({ kind: 'kubeBadAnswer' });
    }
  });

  it('[KCL-8] dispose is that of the wire', async () => {
    const { wire, cluster } = createBed();
    await cluster.dispose();
    expect(wire.disposed).toBe(true);
  });
});

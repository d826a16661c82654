import { settle } from '@trunkline/base/testing';
import { testPrincipal } from '@trunkline/hub/testing';
import { KubeError } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { startBed } from './testing/bed.js';

const PODS = '/api/v1/namespaces/web/pods';
const POD = { kind: 'Pod', metadata: { name: 'a' }, spec: { secret: 'hush' } };

describe('writing through the proxy', () => {
  it('[KWIRE-47] is refused with the name of the option where it is not allowed, and nothing is asked', async () => {
    for (const [options, words] of [
      [{}, /writes/],
      [{ writes: true, audit: null }, /without an audit log/],
    ] as const) {
      const { ask, told } = startBed(options);
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        const { status, headers, json } = await ask(method, PODS, POD);
        expect([status, headers['allow']]).toEqual([405, 'GET']);
        expect(json()).toMatchObject({ kind: 'Status', reason: 'MethodNotAllowed', message: words });
      }
      expect(told).toEqual([]);
    }
  });

  it('[KWIRE-47] [KWIRE-48] asks for the verb of Kubernetes, records, sends bytes as they are, records the outcome', async () => {
    const bed = startBed({ writes: true, answer: () => ({ status: 201, body: ['{"kind":', '"Pod"}'] }) });
    const query = '?dryRun=All&fieldManager=me&token=mine&fieldValidation=Strict';
    const answer = await bed.ask('POST', PODS + query, POD, {
      headers: { accept: 'application/yaml', cookie: 'c' },
    });
    expect([answer.status, answer.text]).toEqual([201, '{"kind":"Pod"}']);
    const path = `${PODS}?dryRun=All&fieldManager=me&fieldValidation=Strict`;
    expect(bed.told).toEqual([
      'may create pods',
      'kube.written asked',
      `POST ${path}`,
      'kube.written answered',
    ]);
    expect(bed.sent[0]).toMatchObject({ method: 'POST', path });
    expect(bed.sent[0]?.headers).toEqual({ accept: 'application/yaml', 'content-type': 'application/json' });
    expect(Buffer.from(bed.sent[0]?.body ?? '').toString()).toBe(JSON.stringify(POD));
    const about = {
      action: 'kube.written',
      cluster: 'demo',
      path: PODS,
      verb: 'create',
      requestId: 'r-1',
      address: '10.0.0.7',
    };
    expect(bed.deeds).toMatchObject([
      {
        ...about,
        principal: { user: 'ada' },
        details: { outcome: 'asked', name: 'a', dryRun: 'All', fieldManager: 'me' },
      },
      { ...about, details: { outcome: 'answered', status: 201 } },
    ]);
    expect(JSON.stringify(bed.deeds)).not.toMatch(/hush|mine/);
    // A request id is the caller's to choose: two changes may have the same one.
    await bed.ask('POST', PODS, POD);
    const changes = bed.deeds.map(({ details }) => details?.['change']);
    expect(changes).toEqual([changes[0], changes[0], changes[2], changes[2]]);
    expect(new Set(changes).size).toBe(2);
  });

  it('[KWIRE-47] verbs and subresources', async () => {
    const bed = startBed({ writes: true });
    for (const [method, path] of [
      ['PUT', `${PODS}/a`],
      ['PATCH', '/apis/apps/v1/namespaces/web/deployments/d/scale'],
      ['PUT', `${PODS}/a/status`],
      ['POST', `${PODS}/a/eviction`],
      ['POST', `${PODS}/a/binding`],
      ['DELETE', `${PODS}/a?propagationPolicy=Background`],
      ['DELETE', `${PODS}?labelSelector=app%3Dweb`],
      ['POST', '/api/v1/namespaces'],
    ] as const)
      expect([path, (await bed.ask(method, path, method === 'DELETE' ? undefined : {})).status]).toEqual([
        path,
        200,
      ]);
    expect(bed.told.filter((one) => one.startsWith('may'))).toEqual([
      'may update pods',
      'may patch deployments/scale',
      'may update pods/status',
      'may create pods/eviction',
      'may create pods/binding',
      'may delete pods',
      'may deletecollection pods',
      'may create namespaces',
    ]);
    expect(bed.sent.map(({ headers }) => headers?.['content-type'])).toEqual([
      'application/json',
      'application/merge-patch+json',
      ...Array.from({ length: 3 }, () => 'application/json'),
      ...Array.from({ length: 2 }, () => undefined),
      'application/json',
    ]);
    for (const path of [
      `${PODS}/a/exec`,
      `${PODS}/a/attach`,
      `${PODS}/a/portforward`,
      `${PODS}/a/proxy/x`,
      '/api/v1/nodes/n/proxy/run',
      '/metrics',
      '/api/v1/../pods',
      `${PODS}?watch=1`,
      `${PODS}/`,
    ])
      expect([path, (await bed.ask('POST', path, {})).status]).toEqual([path, 400]);
    expect((await bed.ask('POST', '/version', {})).status).toBe(405);
    expect(bed.sent).toHaveLength(8);
  });

  it('[KWIRE-47] anonymous users, refusals of the cluster, and what lies outside of a confinement: nothing is sent', async () => {
    const refused = startBed({ writes: true, refuse: () => true });
    expect((await refused.ask('DELETE', `${PODS}/a`)).status).toBe(403);
    expect(refused.told).toEqual(['may delete pods']);
    const { ask, told } = startBed({ writes: true, confinedTo: ['web'] });
    expect(
      (await ask('DELETE', `${PODS}/a`, undefined, { principal: testPrincipal({ user: '' }) })).status,
    ).toBe(403);
    for (const [method, path] of [
      ['POST', '/api/v1/namespaces/vault/pods'],
      ['POST', '/api/v1/namespaces'],
      ['DELETE', '/api/v1/namespaces/web'],
      ['PATCH', '/api/v1/namespaces/web/status'],
      ['PUT', '/api/v1/nodes/n'],
      ['POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews'],
      ['DELETE', '/api/v1/pods'],
    ] as const) {
      const { status, json } = await ask(method, path, {});
      expect([path, status]).toEqual([path, 403]);
      expect(json()).toMatchObject({ kind: 'Status', reason: 'Forbidden' });
    }
    expect(told).toEqual([]);
    expect((await ask('POST', PODS, POD)).status).toBe(200);
  });

  it('[KWIRE-48] a body that says more than the query has the last word, as it has with an API server', async () => {
    const details = async (method: string, query: string, body: unknown, type = 'application/json') => {
      const bed = startBed({ writes: true });
      const path = method === 'POST' ? PODS : `${PODS}/a`;
      const headers = { 'content-type': type };
      const { status } = await bed.ask(method, path + query, body, body === undefined ? {} : { headers });
      expect(status).toBe(200);
      const { outcome: _, change: __, ...said } = bed.deeds[0]?.details ?? {};
      return said;
    };
    const pretended = '?dryRun=All&propagationPolicy=Orphan&labelSelector=a';
    expect(await details('DELETE', pretended, undefined)).toEqual({
      dryRun: 'All',
      propagationPolicy: 'Orphan',
      labelSelector: 'a',
    });
    for (const body of ['{}', '{"dryRun":["All"],"dryRun":[]}', '{"dryRun":[{}]}', 'x', '[]', 'null'])
      expect(await details('DELETE', pretended, body)).toEqual({ labelSelector: 'a' });
    expect(await details('DELETE', pretended, '{}', 'application/yaml')).toEqual({ labelSelector: 'a' });
    const options = { propagationPolicy: 'Background', dryRun: ['All'] };
    expect(await details('DELETE', '', options)).toEqual({ propagationPolicy: 'Background', dryRun: 'All' });
    // With a key twice, one reader takes the last of them and another both.
    const twice = '{"metadata":{"name":"real"},"metadata":{"generateName":"innocent-"}}';
    for (const body of [twice, twice.replace('"metadata"', '"met\\u0061data"'), '['.repeat(50_000)])
      expect(await details('POST', '?dryRun=All', body)).toEqual({ dryRun: 'All' });
    const draft = { metadata: { name: 'a', x: ':"{' }, y: [{ z: ['"', '\\'] }, 1, null], '': {} };
    expect(await details('POST', '', draft)).toEqual({ name: 'a' });
    // What is not seen in a log, or taken by a database; one half of a pair that is cut in two among it.
    const odd = { metadata: { name: `${'x'.repeat(253)}\u0000\u202e\u{1f600}y` } };
    expect(await details('POST', '?fieldManager=a%00%0a', odd)).toEqual({
      name: `${'x'.repeat(253)}${'\ufffd'.repeat(3)}`,
      fieldManager: 'a\ufffd\ufffd',
    });
    const drafted = { metadata: { generateName: 'a-' } };
    expect(await details('POST', '', drafted)).toEqual({ name: 'a-' });
  });

  it('[KWIRE-48] what cannot be recorded is not done', async () => {
    for (const [cause, status] of [
      [new Error('disk full'), 503],
      [new CodedError('tooManyRequests'), 429],
    ] as const) {
      const { ask, sent } = startBed({ writes: true, audit: () => Promise.reject(cause) });
      const answer = await ask('POST', PODS, POD);
      expect([answer.status, answer.json()['kind']]).toEqual([status, 'Status']);
      expect(answer.text).not.toContain('disk full');
      expect(sent).toEqual([]);
    }
  });

  it('[KWIRE-48] an outcome that is not known is recorded as that; one that cannot be recorded keeps no answer back', async () => {
    const lost = startBed({
      writes: true,
      answer: () => Promise.reject(new KubeError('kubeConnectionLost', 'ECONNRESET')),
    });
    expect((await lost.ask('POST', PODS, POD)).status).toBe(503);
    expect(lost.told.filter((one) => !one.startsWith('may'))).toEqual([
      'kube.written asked',
      `POST ${PODS}`,
      'kube.written unknown',
    ]);
    let records = 0;
    const late = startBed({
      writes: true,
      audit: () => (++records === 1 ? Promise.resolve() : Promise.reject(new Error('gone'))),
    });
    expect((await late.ask('POST', PODS, POD)).status).toBe(200);
    expect(late.logger.lines.at(-1)).toMatchObject({
      level: 'error',
      fields: { requestId: 'r-1', outcome: 'answered', status: 200 },
    });
  });

  it('[KWIRE-48] a caller who goes changes nothing about what was asked; one who was gone before asks nothing', async () => {
    const caller = new AbortController();
    const bed = startBed({
      writes: true,
      answer: ({ signal }) => {
        caller.abort(new Error('gone'));
        return { status: signal?.aborted === true ? 500 : 200 };
      },
    });
    await bed.ask('POST', PODS, POD, { signal: caller.signal });
    expect(bed.deeds.at(-1)?.details).toMatchObject({ outcome: 'answered', status: 200 });
    expect(bed.state.discarded).toBe(1);
    // Said to nobody; it is no failure of this server, which would be in its log.
    expect((await bed.ask('POST', PODS, POD, { signal: caller.signal })).status).toBe(503);
    expect((await bed.ask('GET', PODS, undefined, { signal: caller.signal })).status).toBe(503);
    expect([bed.deeds.length, bed.sent.length]).toEqual([2, 1]);
  });

  it('[KWIRE-44] writes are among the requests under way, and their end frees their place', async () => {
    const bed = startBed({
      writes: true,
      maxPerUser: 1,
      maxAnswerMs: 1_000,
      answer: () => new Promise(() => undefined),
    });
    void bed.ask('POST', PODS, POD);
    await settle();
    expect(bed.sent).toHaveLength(1);
    expect((await bed.ask('POST', PODS, POD)).status).toBe(429);
    expect((await bed.ask('GET', PODS)).status).toBe(429);
    await bed.clock.advance(1_000);
    void bed.ask('GET', PODS);
    await settle();
    expect(bed.sent).toHaveLength(2);
    expect(bed.sent[0]?.signal?.aborted).toBe(true);
  });
});

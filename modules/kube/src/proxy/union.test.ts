import { settle } from '@trunkline/base/testing';
import fc from 'fast-check';
import { KubeError, type KubeRequest } from '@trunkline/kube-client';
import { describe, expect, it } from 'vitest';
import { ListSplitter } from './list-parts.js';
import { startBed, type BedOptions, type Fake } from './testing/bed.js';

const NAMESPACES = {
  kind: 'namespaces',
  namespaces: ['web', 'db'],
  reason: 'pods is forbidden: User "ada" cannot list',
  recheckMs: 1_000,
} as const;

const namespaceOf = ({ path }: KubeRequest): string => /namespaces\/([^/?]+)/.exec(path)?.[1] ?? '';
const queryOf = ({ path }: KubeRequest): URLSearchParams => new URLSearchParams(path.split('?')[1]);

function list(version: string, ...names: readonly string[]): Fake {
  const items = names.map((name) => ({ metadata: { name } }));
  return {
    body: [
      JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: version }, items }),
    ],
  };
}

const narrow = (options: BedOptions = {}) =>
  startBed({ refuse: ({ namespace }) => namespace === undefined, sight: NAMESPACES, ...options });

describe('a list that is put together', () => {
  it('[KWIRE-46] has what the namespaces have, at one version, and says which they are', async () => {
    const bed = narrow({
      answer: (request) => list('70', `${namespaceOf(request)}-1`, `${namespaceOf(request)}-2`),
    });
    const query = '?labelSelector=a%3Db&limit=1&resourceVersion=0';
    const { status, headers, json } = await bed.ask('GET', `/api/v1/pods${query}`);
    expect(status).toBe(200);
    expect(json()).toEqual({
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '70' },
      items: ['db-1', 'db-2', 'web-1', 'web-2'].map((name) => ({ metadata: { name } })),
    });
    expect(headers['warning']).toBe(
      '299 - "only namespaces web, db: pods is forbidden: User \\"ada\\" cannot list"',
    );
    const [first, second] = bed.sent.map(queryOf);
    expect(first?.toString()).toBe('labelSelector=a%3Db');
    expect(second?.toString()).toBe('labelSelector=a%3Db&resourceVersion=70&resourceVersionMatch=Exact');
  });

  it('[KWIRE-46] of whichever version is asked for as the newest: that of a cache may be one of which the cluster keeps nothing else', async () => {
    const first = async (query: string): Promise<string | undefined> => {
      const bed = narrow({ answer: () => list('70', 'a') });
      expect((await bed.ask('GET', `/api/v1/pods?${query}`)).status).toBe(200);
      return bed.sent.map(queryOf).map(String)[0];
    };
    expect(await first('resourceVersion=0')).toBe('');
    expect(await first('resourceVersion=0&resourceVersionMatch=NotOlderThan')).toBe('');
    for (const query of ['resourceVersion=60', 'resourceVersion=60&resourceVersionMatch=Exact'])
      expect(await first(query)).toBe(query);
  });

  it('[KWIRE-46] tables and lists of metadata; empty ones, none, and space around', async () => {
    const bodies: Record<string, readonly string[]> = {
      a: [
        '{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7"},"columnDefinitions":[{"name":"Näme","x":["]"]}],"rows":[ ]}',
      ],
      b: [
        '{"kind":"Table","columnDefinitions":null,"apiVersion":"meta.k8s.io/v1","rows":[\n',
        ' {"cells":["]}\\""]},',
        '{"cells":[[2]]}\n]',
        ',"metadata":{}}\n',
      ],
      c: ['{"kind":"Table","apiVersion":"meta.k8s.io/v1","rows":null}'],
      d: ['{"kind":"Table","apiVersion":"meta.k8s.io/v1","rows":[{"cells":["ü"]}]}'],
    };
    const bed = narrow({
      sight: { ...NAMESPACES, namespaces: ['a', 'b', 'c', 'd'] },
      answer: (request) => ({ body: bodies[namespaceOf(request)] ?? [] }),
    });
    const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1, application/vnd.kubernetes.protobuf, */*';
    const { json } = await bed.ask('GET', '/api/v1/pods', undefined, { headers: { accept } });
    expect(json()).toEqual({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '7' },
      columnDefinitions: [{ name: 'Näme', x: [']'] }],
      rows: [{ cells: [']}"'] }, { cells: [[2]] }, { cells: ['ü'] }],
    });
    expect(bed.sent[0]?.headers).toEqual({
      accept: 'application/json;as=Table;g=meta.k8s.io;v=v1, application/json',
    });
  });

  it('[KWIRE-46] where the caller wants no JSON, one object, or a namespace, the refusal stays', async () => {
    const bed = narrow({ refuse: () => true });
    const protobuf = { headers: { accept: 'application/vnd.kubernetes.protobuf' } };
    expect((await bed.ask('GET', '/api/v1/pods', undefined, protobuf)).status).toBe(403);
    expect((await bed.ask('GET', '/api/v1/namespaces/web/pods')).status).toBe(403);
    expect((await bed.ask('GET', '/api/v1/nodes/n')).status).toBe(403);
    const nothing = startBed({ refuse: () => true });
    const refused = await nothing.ask('GET', '/api/v1/pods');
    expect([refused.status, refused.json()['message']]).toEqual([
      403,
      expect.stringContaining('not for you'),
    ]);
    const continued = await narrow().ask('GET', '/api/v1/pods?limit=5&continue=abc');
    expect([continued.status, continued.json()['reason']]).toEqual([410, 'Expired']);
    expect([...bed.sent, ...nothing.sent]).toEqual([]);
  });

  it('[KWIRE-46] an error of the first is the answer; a later one, or another kind, cuts it', async () => {
    const first = narrow({ answer: () => ({ status: 500, body: ['{"kind":"Status"}'] }) });
    expect(await first.ask('GET', '/api/v1/pods')).toMatchObject({ status: 500, text: '{"kind":"Status"}' });
    const page = narrow({ answer: () => ({ body: ['<html>'] }) });
    expect((await page.ask('GET', '/api/v1/pods')).status).toBe(502);
    const broken = new Error('broken');
    // Before anything was said it can still be said.
    for (const [status, told] of [
      [410, 410],
      [403, 502],
    ] as const) {
      const bed = narrow({
        answer: (request) => (namespaceOf(request) === 'db' ? list('7', 'a') : { status }),
        maxPerUser: 1,
      });
      for (let turn = 0; turn < 2; turn++) expect((await bed.ask('GET', '/api/v1/pods')).status).toBe(told);
      expect(bed.state.discarded).toBe(4);
    }
    const three = { ...NAMESPACES, namespaces: ['a', 'db', 'web'] };
    for (const later of [
      { status: 403 },
      { body: ['{"kind":"NodeList","apiVersion":"v1","items":[]}'] },
      { body: ['<html>'] },
      { body: ['{"kind":"PodList","apiVersion":"v1","items":[{}', broken] },
      { body: ['{"kind":"PodList","apiVersion":"v1","items":[{}'] },
    ]) {
      const bed = narrow({
        sight: three,
        answer: (request) => (namespaceOf(request) === 'web' ? later : list('7', 'a')),
      });
      const { status, cut } = await bed.ask('GET', '/api/v1/pods');
      expect([status, cut]).toEqual([200, expect.any(Error)]);
      expect(bed.state.discarded).toBeGreaterThan(0);
    }
  });

  it('[KWIRE-44] [KWIRE-46] it is one request, bounded as a whole; few lists are asked for at once', async () => {
    const many = { ...NAMESPACES, namespaces: Array.from({ length: 10 }, (_, index) => `n${index}`) };
    const long = narrow({ sight: many, maxAnswerBytes: 300, answer: () => list('7', 'x'.repeat(40)) });
    const { cut } = await long.ask('GET', '/api/v1/pods');
    expect([(cut as KubeError).kind, long.sent.length < 10]).toEqual(['kubeTooLarge', true]);
    const held = narrow({
      sight: many,
      maxPartsAtOnce: 3,
      maxPerUser: 1,
      answer: (request) => hold(request),
    });
    const hold = (request: KubeRequest): Fake | Promise<Fake> =>
      namespaceOf(request) < 'n2' ? list('7', 'a') : new Promise<Fake>(() => undefined);
    void held.ask('GET', '/api/v1/pods');
    await settle();
    expect(held.sent.map(namespaceOf)).toEqual(['n0', 'n1', 'n2', 'n3', 'n4']);
    expect((await held.ask('GET', '/version')).status).toBe(429);
  });

  it('[KWIRE-46] however many lists stand before the items, each byte is looked at a few times only', () => {
    const splitter = new ListSplitter();
    const before = Array.from({ length: 100_000 }, (_, index) => `"${index.toString(36)}":[]`).join(',');
    const text = `{"kind":"XList","apiVersion":"v1",${before},"items" : [7]}`;
    const found: Uint8Array[] = [];
    for (let at = 0; at < text.length; at += 1_000) {
      const piece = splitter.push(Buffer.from(text.slice(at, at + 1_000)));
      if (piece !== undefined) found.push(piece);
    }
    expect([Buffer.concat(found).toString(), splitter.end().kind]).toEqual(['7', 'XList']);
  });

  it('[KWIRE-46] however a list comes in pieces, its items are what stands between the brackets', () => {
    const value = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(
        fc.array(value),
        fc.jsonValue(),
        fc.array(fc.integer({ min: 1, max: 20 })),
        (items, more, sizes) => {
          const fields = {
            kind: 'XList',
            'a,"items":[': more,
            apiVersion: 'v1',
            metadata: { resourceVersion: '5', items: [1] },
            items,
            z: more,
          };
          const bytes = Buffer.from(JSON.stringify(fields, undefined, sizes.length % 3));
          const splitter = new ListSplitter();
          const found: Uint8Array[] = [];
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = sizes[turn % sizes.length] ?? bytes.length;
            const piece = splitter.push(bytes.subarray(at, at + size));
            if (piece !== undefined) found.push(piece);
            at += size;
          }
          expect(splitter.end()).toMatchObject({ kind: 'XList', version: '5' });
          expect(JSON.parse(`[${Buffer.concat(found).toString()}]`)).toEqual(
            JSON.parse(JSON.stringify(items)),
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});

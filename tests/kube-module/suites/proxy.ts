/** The proxy in front of an API server: what consoles ask about themselves, a list put together out of namespaces, and changes in the name of whoever makes them. */
import type { Principal, RouteResponse } from '@trunkline/hub';
import { testPrincipal } from '@trunkline/hub/testing';
import type { Deed } from '@trunkline/module-kube';
import { until } from '@trunkline/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configMap, configMaps, fresh, makeNamespace, made } from '../../kube/drafts.js';
import type { KubeTarget } from '../../kube/targets.js';
import { bind, PATIENCE_MS, SEE, startBed, type Bed } from '../bed.js';

type Doc = Readonly<Record<string, unknown>> & {
  readonly status?: { readonly allowed?: boolean; readonly resourceRules?: readonly unknown[] };
  readonly metadata?: { readonly resourceVersion?: string };
};

export function proxySuite(use: () => KubeTarget): void {
  describe('the proxy', () => {
    const deeds: Deed[] = [];
    let bed: Bed;
    let [user, web, db, vault] = ['', '', '', ''];
    let principal: Principal;
    beforeAll(async () => {
      const target = use();
      bed = await startBed(target, {
        clusters: [{ id: 'c1', writes: true }],
        audit: (deed) => Promise.resolve(void deeds.push(deed)),
      });
      user = fresh('user');
      principal = testPrincipal({ user });
      [web, db, vault] = [
        await makeNamespace(target.api),
        await makeNamespace(target.api),
        await makeNamespace(target.api),
      ];
      for (const namespace of [web, db, vault])
        for (const name of ['a', 'b']) await made(target.api, configMaps(namespace), configMap(name));
      const verbs = [...SEE, 'create', 'patch', 'delete'];
      for (const namespace of [web, db])
        await bind(target.api, ['User', user], [{ verbs, resources: ['configmaps'] }], namespace);
      const isAllowed = async (namespace: string): Promise<boolean> =>
        (await mayI('create', namespace)).doc.status?.allowed === true;
      for (const namespace of [web, db])
        await until('the role counts', () => isAllowed(namespace), PATIENCE_MS);
    }, 120_000);
    afterAll(() => bed.dispose());

    const ask = async (
      method: string,
      path: string,
      body?: object,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<{
      readonly status: number;
      readonly headers: RouteResponse['headers'];
      readonly doc: Doc;
    }> => {
      const route = bed.hub
        .routes()
        .find((one) => one.method === method && one.path.startsWith('/clusters/'));
      const response = (await route?.handle({
        principal,
        params: { cluster: 'c1', rest: path.split('?')[0]?.slice(1) ?? '' },
        query: {},
        target: `/clusters/c1${path}`,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
        requestId: 'r',
        signal: new AbortController().signal,
      })) as RouteResponse;
      let text = response.body === undefined ? '' : JSON.stringify(response.body);
      for await (const chunk of response.stream ?? []) text += Buffer.from(chunk).toString();
      return { status: response.status, headers: response.headers, doc: JSON.parse(text) as Doc };
    };
    const mayI = (verb: string, namespace: string, version = 'v1') =>
      ask('POST', `/apis/authorization.k8s.io/${version}/selfsubjectaccessreviews`, {
        kind: 'SelfSubjectAccessReview',
        apiVersion: `authorization.k8s.io/${version}`,
        spec: { resourceAttributes: { verb, resource: 'configmaps', namespace } },
      });

    it('[KWIRE-45] what a user may is what the API server says of that user', async () => {
      expect([await mayI('list', web), await mayI('list', vault), await mayI('update', web)]).toMatchObject([
        { status: 201, doc: { status: { allowed: true } } },
        { status: 201, doc: { status: { allowed: false } } },
        { status: 201, doc: { status: { allowed: false } } },
      ]);
      const rules = await ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
        kind: 'SelfSubjectRulesReview',
        apiVersion: 'authorization.k8s.io/v1',
        spec: { namespace: db },
      });
      expect(rules.status).toBe(201);
      expect(JSON.stringify(rules.doc.status?.resourceRules)).toContain('"configmaps"');
      expect(deeds).toEqual([]);
    });

    it('[KWIRE-46] a list of all namespaces has what the user may see, whole, as metadata, and as a table', async () => {
      const path = '/api/v1/configmaps?labelSelector=!absent&limit=1';
      const lists = await Promise.all(
        [undefined, 'PartialObjectMetadataList', 'Table'].map((as) =>
          ask('GET', path, undefined, {
            accept: as === undefined ? 'application/json' : `application/json;as=${as};g=meta.k8s.io;v=v1`,
          }),
        ),
      );
      for (const { status, headers, doc } of lists) {
        expect([status, headers?.['warning']]).toEqual([200, expect.stringContaining('only namespaces')]);
        const items = (doc['items'] ??
          (doc['rows'] as readonly { readonly object: unknown }[]).map(({ object }) => object)) as readonly {
          readonly metadata: { readonly namespace: string; readonly name: string };
        }[];
        const names = items
          .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
          .filter((name) => !name.endsWith('kube-root-ca.crt'));
        expect(names.sort()).toEqual([web, db].flatMap((one) => [`${one}/a`, `${one}/b`]).sort());
      }
      expect(lists.map(({ doc }) => doc['kind'])).toEqual([
        'ConfigMapList',
        'PartialObjectMetadataList',
        'Table',
      ]);
      const { doc: now } = await ask('GET', configMaps(web));
      expect(Number(lists[0]?.doc.metadata?.resourceVersion)).toBeLessThanOrEqual(
        Number(now.metadata?.resourceVersion),
      );
      expect((await ask('GET', '/api/v1/secrets')).status).toBe(403);
    });

    it("[KWIRE-47] [KWIRE-48] changes are the user's own, by the user's rights, and on record", async () => {
      const path = configMaps(web);
      const made = await ask('POST', `${path}?dryRun=All`, configMap('c'));
      expect([made.status, (await ask('GET', `${path}/c`)).status]).toEqual([201, 404]);
      expect((await ask('POST', path, configMap('c'))).status).toBe(201);
      const merge = { 'content-type': 'application/merge-patch+json' };
      const patched = await ask('PATCH', `${path}/c`, { data: { x: 'y' } }, merge);
      expect([patched.status, patched.doc['data']]).toEqual([200, { x: 'y' }]);
      expect((await ask('POST', path, configMap('c'))).status).toBe(409);
      expect((await ask('DELETE', `${path}/c`)).status).toBe(200);
      expect((await ask('GET', `${path}/c`)).status).toBe(404);
      const before = deeds.length;
      expect((await ask('PUT', `${path}/a`, configMap('a'))).status).toBe(403);
      expect((await ask('DELETE', `${configMaps(vault)}/a`)).status).toBe(403);
      expect(deeds).toHaveLength(before);
      expect(
        deeds.map(({ verb, details }) => `${verb} ${String(details?.['status'] ?? details?.['outcome'])}`),
      ).toEqual([
        'create asked',
        'create 201',
        'create asked',
        'create 201',
        'patch asked',
        'patch 200',
        'create asked',
        'create 409',
        'delete asked',
        'delete 200',
      ]);
      expect(new Set(deeds.map((deed) => deed.principal.user))).toEqual(new Set([user]));
    });
  });
}

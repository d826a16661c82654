import { describe, expect, it } from 'vitest';
import { createTestKubeSim, type TestKubeSim } from '../testing.js';
import type { WriteOptions } from './writer.js';

const WRITE: WriteOptions = { manager: 'test', dryRun: false };
const DELETE = { gracePeriodSeconds: undefined, uid: undefined, resourceVersion: undefined, dryRun: false };

function setUp(): TestKubeSim & { readonly names: (resource: string) => string[] } {
  const made = createTestKubeSim();
  const { cluster, writer } = made.sim;
  writer.create(cluster.registry.require('namespaces'), '', { metadata: { name: 'shop' } }, WRITE);
  return {
    ...made,
    names: (resource) =>
      [...cluster.collection({ group: '', resource }).values()].map(({ key }) => key).sort(),
  };
}

describe('writing', () => {
  it('[KSIM-37] a namespace that is deleted empties itself, then goes; nothing new gets in meanwhile', async () => {
    const { sim, clock, names } = setUp();
    const { cluster, writer } = sim;
    const [maps, spaces] = [cluster.registry.require('configmaps'), cluster.registry.require('namespaces')];
    for (let index = 0; index < 1_200; index++)
      writer.create(maps, 'shop', { metadata: { name: `m${index}` } }, WRITE);
    writer.create(maps, 'default', { metadata: { name: 'other' } }, WRITE);
    const { object, gone } = writer.delete(spaces, '', 'shop', DELETE);
    expect([gone, object.status]).toEqual([false, { phase: 'Terminating' }]);
    expect(() => writer.create(maps, 'shop', { metadata: { name: 'late' } }, WRITE)).toThrow(
      'is being terminated',
    );
    await clock.advance(0);
    expect([names('configmaps'), names('namespaces').includes('shop')]).toEqual([['default/other'], false]);
  });

  it('[KSIM-37] it waits for what has finalizers', async () => {
    const { sim, clock, names } = setUp();
    const { cluster, writer } = sim;
    const [maps, spaces] = [cluster.registry.require('configmaps'), cluster.registry.require('namespaces')];
    writer.create(maps, 'shop', { metadata: { name: 'held', finalizers: ['example.com/x'] } }, WRITE);
    writer.delete(spaces, '', 'shop', DELETE);
    await clock.advance(5_000);
    expect(names('configmaps')).toEqual(['shop/held']);
    const release = (): object => ({
      metadata: { ...cluster.get(maps, 'shop', 'held')?.object.metadata, finalizers: [] },
    });
    writer.change(maps, 'shop', 'held', () => release() as never, '', WRITE);
    await clock.advance(2_000);
    expect([names('configmaps'), names('namespaces').includes('shop')]).toEqual([[], false]);
  });

  it('[KSIM-30] what was stored is never changed afterwards', () => {
    const { sim } = setUp();
    const { cluster, writer } = sim;
    const maps = cluster.registry.require('configmaps');
    const first = writer.create(maps, 'shop', { metadata: { name: 'a' }, data: { k: '1' } }, WRITE);
    const text = JSON.stringify(first);
    writer.change(maps, 'shop', 'a', (current) => ({ ...current, data: { k: '2' } }), '', WRITE);
    writer.delete(maps, 'shop', 'a', DELETE);
    expect(JSON.stringify(first)).toBe(text);
  });

  it('[KSIM-34] a definition that is not valid is refused with every bad field, one of a built-in resource as well', () => {
    const { sim } = setUp();
    const definitions = sim.cluster.registry.require('customresourcedefinitions', 'apiextensions.k8s.io');
    const create = (metadata: object, spec: object): unknown =>
      sim.writer.create(definitions, '', { metadata, spec } as never, WRITE);
    expect(() => create({ name: 'x.example.com' }, { group: 'example.com', versions: [] })).toThrow(
      /spec\.names\.plural.*spec\.names\.kind.*spec\.scope.*spec\.versions/,
    );
    const names = { plural: 'deployments', kind: 'Deployment' };
    const versions = [{ name: 'v1', served: true, storage: true }];
    expect(() =>
      create({ name: 'deployments.apps' }, { group: 'apps', scope: 'Namespaced', names, versions }),
    ).toThrow('the server has this resource itself');
  });
});

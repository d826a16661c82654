import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResourceRegistry } from '../cluster/registry.js';
import type { KubeObject } from '../model/objects.js';
import { parseFieldSelector } from './field-selector.js';

const registry = new ResourceRegistry();
const pods = registry.require('pods');
const pod = (name: string, spec: object = {}, status: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop' },
  spec: { ...spec },
  status: { ...status },
});

describe('field selectors', () => {
  it('[KSIM-6] a value with commas, equals signs and backslashes is written with backslashes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ',', '=', '\\', ' ', '!') }), (name) => {
        const escaped = name.replace(/[,=\\]/g, '\\$&');
        const selector = parseFieldSelector(`metadata.name=${escaped}`, pods);
        expect(selector?.matches(pod(name))).toBe(true);
        expect(selector?.matches(pod(`${name}x`))).toBe(false);
        expect(selector?.name).toBe(name);
      }),
    );
  });

  it.each([
    ['spec.nodeName=', true],
    ['spec.nodeName!=', false],
    ['status.phase==Running', true],
    ['status.phase=Running,metadata.namespace=shop', true],
    ['status.phase=Running,metadata.namespace!=shop', false],
    ['spec.hostNetwork=false', true],
  ])('[KSIM-6] %s: %s', (text, expected) => {
    expect(parseFieldSelector(text, pods)?.matches(pod('a', {}, { phase: 'Running' }))).toBe(expected);
  });

  it('[KSIM-6] an empty selector is none; only equality names an object', () => {
    expect(parseFieldSelector(' , ', pods)).toBeUndefined();
    expect(parseFieldSelector('metadata.name!=a', pods)?.name).toBeUndefined();
  });

  it('[KSIM-6] a cluster-scoped node says whether it takes pods', () => {
    const selector = parseFieldSelector('spec.unschedulable=false', registry.require('nodes'));
    expect(selector?.matches({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } })).toBe(true);
  });

  it.each(['spec.color=red', 'metadata.name', 'metadata.name=a\\b', 'metadata.labels.a=b', 'status.phase>a'])(
    '[KSIM-6] %s is refused with 400',
    (text) => {
      expect(() => parseFieldSelector(text, pods)).toThrow(expect.objectContaining({ code: 400 }) as Error);
    },
  );
});

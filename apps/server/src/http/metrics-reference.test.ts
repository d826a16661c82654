import { readFileSync } from 'node:fs';
import { createTestHub } from '@trunkline/hub/testing';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { createStoreMetrics } from '../store/metrics.js';
import { createNodeMetrics } from './metrics.js';

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');
const METRIC = /\b(?:trunkline|process|nodejs)_[a-z0-9_]+\b/g;

async function exported(): Promise<ReadonlyMap<string, string>> {
  const { hub, clock } = createTestHub();
  const { registry } = createNodeMetrics(hub, { perOrg: true, process: true });
  createStoreMetrics(registry, clock, { health: { state: 'up', outboxDepth: 0 } });
  return new Map((await registry.getMetricsAsJSON()).map(({ name, help }) => [name, help]));
}

it('[TRACE-4] the reference names every metric of the node, with its words, and no other', async () => {
  const own = [...(await exported())].filter(([name]) => name.startsWith('trunkline_'));
  const rows = [
    ...read('docs/reference/metrics.md').matchAll(/^\| `(trunkline_\w+)` \| \w+ \| [^|]* \| (.*?) \|$/gm),
  ];
  expect(Object.fromEntries(rows.map(([, name, help]) => [name, help]))).toEqual(Object.fromEntries(own));
});

it('[TRACE-4] dashboard and alert rules ask for metrics that exist', async () => {
  const names = await exported();
  const dashboard = JSON.parse(read('deploy/grafana/trunkline.json')) as {
    readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
  };
  const rules = parse(read('deploy/prometheus/alerts.yaml')) as {
    readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
  };
  const expressions = [
    ...dashboard.panels.flatMap(({ targets }) => targets ?? []),
    ...rules.groups.flatMap((group) => group.rules),
  ].map(({ expr }) => expr);
  const asked = new Set(expressions.flatMap((expression) => expression.match(METRIC) ?? []));
  expect(expressions.length).toBeGreaterThan(30);
  expect(asked.size).toBeGreaterThan(20);
  expect([...asked].filter((name) => !names.has(name))).toEqual([]);
});

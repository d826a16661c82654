#!/usr/bin/env node
/**
 * What reading a page of a list costs: the scan of the Kubernetes client, and the objects made of what it finds, beside `JSON.parse` of the same bytes. In processor time, in turns.
 *
 *   node bench/micro/kube-scan.mjs [--pods 500]
 *
 * Pods are those of the demo cluster, with `managedFields` as servers write them, and without. Everything is as hot as it gets: on the way from a socket, with garbage of others about, both ways cost more.
 */
import { isUtf8 } from 'node:buffer';
import { parseArgs } from 'node:util';
import { createSeededRandom, createSystemClock, silentLogger } from '@trunkline/base';
import { createKubeCluster } from '@trunkline/kube-client';
import { answerText, FakeWire } from '@trunkline/kube-client/testing';
import { createKubeSim, startWorkload } from '@trunkline/kube-sim';
import { compareAsync } from './measure.mjs';

const { values } = parseArgs({ options: { pods: { type: 'string', default: '500' } } });
const PODS = { group: '', version: 'v1', resource: 'pods' };
const clock = createSystemClock();

// Timers of the clock do not keep a process alive.
const alive = setInterval(() => undefined, 60_000);
const objects = await makePods(Number(values.pods));
for (const [label, change] of Object.entries({
  'with managedFields': (object) => ({
    ...object,
    metadata: { ...object.metadata, managedFields: managedFields(object) },
  }),
  'without managedFields': (object) => object,
})) {
  const body = toBody(objects.map(change));
  const wire = new FakeWire(() => answerText(200, body));
  const cluster = createKubeCluster({ clock, wire }, { server: 'http://recorded' }, { pageSize: 0 });
  await compareAsync(`a page of ${objects.length} pods ${label}, ${body.length} bytes`, {
    'text and JSON.parse': () => JSON.parse(body.toString()).items.length,
    'list: scanned, pruned, copied': async () => (await cluster.listPage(PODS)).items.length,
    'of it, UTF-8 alone': () => isUtf8(body),
  });
}
clearInterval(alive);

async function makePods(count) {
  const sim = createKubeSim({ clock, random: createSeededRandom(1), logger: silentLogger });
  const workload = startWorkload(sim, { pods: count, eventsPerSecond: 0 });
  await workload.ready;
  const found = [...sim.cluster.collection(sim.cluster.registry.require('pods')).values()];
  await workload.dispose();
  await sim.dispose();
  return found.slice(0, count).map(({ object }) => object);
}

function toBody(items) {
  return Buffer.from(
    JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items }),
  );
}

/** The names of all fields, under who set them. */
function managedFields(object) {
  const names = (value) =>
    typeof value !== 'object' || value === null
      ? {}
      : Object.fromEntries(Object.entries(value).map(([name, inner]) => [`f:${name}`, names(inner)]));
  return [{ manager: 'kubelet', operation: 'Update', fieldsType: 'FieldsV1', fieldsV1: names(object) }];
}

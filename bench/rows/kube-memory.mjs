/**
 * Row kube-memory: what a pod of a list of 50,000 takes, in the server that watches and shows it and in the client that keeps it; as a whole, as two fields of it, and for a window of 50
 * rows. Servers and clients are new processes each time; figures are after garbage collection.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { kubeUnavailable, withKube } from '../lib/kube-rig.mjs';
import { decimals } from '../lib/report.mjs';

const CASES = {
  'list, whole objects': { kind: 'list', question: {} },
  'list, two fields': { kind: 'list', question: { fields: ['spec.nodeName', 'status.phase'] } },
  'window of 50 rows': { kind: 'window', question: { limit: 50 } },
};

export const kubeMemory = {
  id: 'kube-memory',
  title: 'Kubernetes: memory per object',
  peers: [],
  unavailable: kubeUnavailable,

  async run({ quick, note }) {
    const pods = quick ? 500 : 50_000;
    const raw = await withKube(pods, async (api, open) => {
      const results = [];
      for (const [label, { kind, question }] of Object.entries(CASES)) {
        note(`kube-memory: ${label}`);
        const rig = await open();
        const fleet = await rig.fleet();
        // Code, pools and tables exist after a first list.
        await fleet.ask('open', {
          viewers: 1,
          kind,
          question: { ...question, labelSelector: 'app=none' },
          timed: 0,
        });
        await fleet.ask('close');
        const before = await memoryOf(rig, fleet);
        await fleet.ask('open', { viewers: 1, kind, question, timed: 0 });
        await sleep(quick ? 100 : 2_000);
        const after = await memoryOf(rig, fleet);
        const { reflectors } = await rig.ask('reflectors');
        const bytes = Math.max(...reflectors.map((reflector) => reflector.bytes));
        results.push({ label, pods: api.pods, jsonBytes: bytes / api.pods, before, after });
        await fleet.stop();
        await rig.stop();
      }
      return results;
    });
    const grown = ({ before, after, pods: count }, side, field) =>
      (after[side][field] - before[side][field]) / count;
    return {
      columns: [
        'what is shown',
        'JSON of a pod in the server, bytes',
        'server: heap and buffers, bytes per pod',
        'server: resident',
        'client: heap and buffers, bytes per pod',
        'client: resident',
      ],
      table: raw.map((result) => [
        result.label,
        decimals(result.jsonBytes, 0),
        decimals(grown(result, 'server', 'kept'), 0),
        decimals(grown(result, 'server', 'rss'), 0),
        decimals(grown(result, 'client', 'kept'), 0),
        decimals(grown(result, 'client', 'rss'), 0),
      ]),
      checks: [],
      notes: [
        `${raw[0].pods} pods. JSON is what the reflector keeps, without managed fields. Resident memory holds what loading left behind as well, and the thread of windows, whose heap is no part of the server's heap figure. There is no aim but to tell.`,
      ],
      raw,
    };
  },
};

async function memoryOf(rig, fleet) {
  const [server, client] = await Promise.all([rig.ask('memory'), fleet.ask('memory')]);
  const kept = ({ heapUsed, external }) => heapUsed + external;
  return { server: { ...server, kept: kept(server) }, client: { ...client, kept: kept(client) } };
}

/**
 * Row kube-viewers: one list of pods with 1, 10, 100 and 1,000 viewers, each with a connection of its own. What the API server sees is counted there; viewers are SDK clients with deltas.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { kubeUnavailable, withKube } from '../lib/kube-rig.mjs';
import { decimals } from '../lib/report.mjs';

const PODS = 50;
const PER_SECOND = 2;

export const kubeViewers = {
  id: 'kube-viewers',
  title: 'Kubernetes: viewers of one list',
  peers: [],
  unavailable: kubeUnavailable,

  async run({ quick, note }) {
    const steps = quick ? [1, 10] : [1, 10, 100, 1_000];
    const ms = quick ? 2_000 : 10_000;
    const raw = await withKube(PODS, async (api, open) => {
      const rig = await open();
      const fleet = await rig.fleet();
      const results = [];
      let there = 0;
      for (const viewers of steps) {
        note(`kube-viewers: ${viewers}`);
        await fleet.ask('open', { viewers: viewers - there, kind: 'list', question: {} });
        there = viewers;
        await sleep(1_000);
        const before = await measured(api, rig, fleet);
        const { changes } = await api.ask('rate', { perSecond: quick ? 10 : PER_SECOND, ms });
        await sleep(1_000);
        const after = await measured(api, rig, fleet);
        const grown = (field) => after[field] - before[field];
        results.push({
          viewers,
          pods: api.pods,
          changes,
          openWatches: after.openWatches,
          watchesOpened: after.watchesOpened,
          lists: after.lists,
          upstreamBytesPerChange: grown('watchBytes') / changes,
          viewerBytesPerChange: grown('bytes') / changes / viewers,
          cpuUsPerDelivery: grown('cpuUs') / changes / viewers,
        });
      }
      return results;
    });
    const [first] = raw;
    const last = raw.at(-1);
    const ratio = last.upstreamBytesPerChange / first.upstreamBytesPerChange;
    const most = Math.max(...raw.map(({ openWatches }) => openWatches));
    return {
      columns: [
        'viewers',
        'upstream watches open',
        'opened so far',
        'upstream bytes per change',
        'bytes per change and viewer',
        'server CPU µs per change and viewer',
      ],
      table: raw.map((step) => [
        step.viewers,
        step.openWatches,
        step.watchesOpened,
        decimals(step.upstreamBytesPerChange, 0),
        decimals(step.viewerBytesPerChange, 0),
        decimals(step.cpuUsPerDelivery),
      ]),
      checks: [
        { text: 'upstream watches with all viewers', value: most, aim: 1, met: most <= 1 },
        {
          text: `upstream bytes, ${last.viewers} viewers against ${first.viewers}`,
          value: ratio,
          aim: 1.1,
          met: ratio <= 1.1,
        },
      ],
      notes: [
        `${first.pods} pods, ${quick ? 10 : PER_SECOND} changes a second for ${ms / 1_000} s at each step, whole objects with deltas; CPU holds everything that the server does in that time. The aims are "one" and "flat".`,
      ],
      raw,
    };
  },
};

async function measured(api, rig, fleet) {
  const [counts, usage, received] = await Promise.all([
    api.ask('counts'),
    rig.ask('usage'),
    fleet.ask('received'),
  ]);
  return { ...counts, ...usage, ...received };
}

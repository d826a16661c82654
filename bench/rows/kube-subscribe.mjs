/**
 * Row kube-subscribe: from the call of `liveList` to all rows of a list of 5,000 pods, with nothing known of it in the server (cold) and with its reflector there (warm), against one LIST
 * asked of the API server itself in one piece. The same process asks all three in turns, over connections that are open.
 */
import { kubeUnavailable, withKube } from '../lib/kube-rig.mjs';
import { decimals } from '../lib/report.mjs';
import { median, medianRatio, spread } from '../lib/statistics.mjs';

const AIMS = { cold: 1.2, warm: 0.3 };
const WAYS = { direct: 'direct LIST', cold: 'cold subscribe', warm: 'warm subscribe' };

export const kubeSubscribe = {
  id: 'kube-subscribe',
  title: 'Kubernetes: from subscribe to all rows',
  peers: [],
  unavailable: kubeUnavailable,

  async run({ quick, note }) {
    const pods = quick ? 200 : 5_000;
    const rounds = quick ? 2 : 9;
    const raw = await withKube(pods, async (api, open) => {
      const rig = await open();
      const fleet = await rig.fleet();
      const results = { pods: api.pods, direct: [], cold: [], warm: [] };
      for (let round = -2; round < rounds; round++) {
        note(`kube-subscribe: round ${round + 1}`);
        // A selector that lets everything pass and was never asked before: another list to server and API server.
        const labelSelector = `round!=r${round + 10}`;
        const { url, token } = api;
        const path = `/api/v1/pods?labelSelector=${encodeURIComponent(labelSelector)}`;
        const direct = () => fleet.ask('direct', { url, token, path });
        const subscribe = () => fleet.ask('subscribe', { question: { labelSelector } });
        // Who is first changes; warm needs cold before it.
        const found = {};
        if (round % 2 === 0) found.direct = await direct();
        found.cold = await subscribe();
        found.warm = await subscribe();
        found.direct ??= await direct();
        for (const [way, { ms, rows }] of Object.entries(found)) {
          if (rows !== api.pods) throw new Error(`${way}: ${rows} of ${api.pods} rows`);
          if (round >= 0) results[way].push(ms);
        }
      }
      return results;
    });
    const ratio = (way) => medianRatio(raw[way], raw.direct);
    return {
      columns: ['way', 'ms', 'rounds', 'against the direct LIST'],
      table: Object.entries(WAYS).map(([way, label]) => {
        const { low, high } = spread(raw[way]);
        return [
          label,
          decimals(median(raw[way]), 0),
          `${decimals(low, 0)}–${decimals(high, 0)}`,
          way === 'direct' ? '' : decimals(ratio(way), 2),
        ];
      }),
      checks: Object.entries(AIMS).map(([way, aim]) => ({
        text: `${WAYS[way]} against one direct LIST`,
        value: ratio(way),
        aim,
        met: ratio(way) <= aim,
      })),
      notes: [
        `${raw.pods} pods. All processes of a round share two cores. The direct LIST is one answer of one request, parsed; a subscribe ends with the array of all rows.`,
      ],
      raw,
    };
  },
};

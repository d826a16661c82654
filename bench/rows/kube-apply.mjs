/** Row kube-apply: what an event costs a live list in the client, against a list that is copied and scanned for each event. The measuring is `micro/kube-list.mjs`, in a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { kubeUnavailable } from '../lib/kube-rig.mjs';
import { decimals } from '../lib/report.mjs';
import { median, medianRatio, spread } from '../lib/statistics.mjs';

const SCRIPT = fileURLToPath(new URL('../micro/kube-list.mjs', import.meta.url));

export const kubeApply = {
  id: 'kube-apply',
  title: 'Kubernetes: applying events in the client',
  peers: [],
  unavailable: kubeUnavailable,

  async run({ quick, note }) {
    note('kube-apply');
    const args = ['--expose-gc', SCRIPT, '--json', ...(quick ? ['--quick'] : [])];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1e8 });
    const raw = JSON.parse(stdout);
    const find = (rows, load, reader) =>
      raw.find((result) => result.rows === rows && result.load === load && result.reader === reader);
    const sizes = [...new Set(raw.map(({ rows }) => rows))];
    const load = '10,000 events/s';
    const compared = find(10_000, load, 'table');
    const ratio = medianRatio(compared.scanNs, compared.ns);
    const [few, many] = [sizes.at(0), sizes.at(-1)];
    const flat = median(find(many, load, 'page').ns) / median(find(few, load, 'page').ns);
    return {
      columns: [
        'rows',
        'events',
        'read by',
        'µs per event',
        'rounds',
        'copy and scan, µs',
        'ratio',
        'rounds of it',
      ],
      table: raw.map(({ rows, load: events, reader, ns, scanNs }) => {
        const { low, high } = spread(ns);
        const ratios = scanNs?.map((value, round) => value / ns[round]);
        return [
          rows,
          events,
          reader,
          decimals(median(ns) / 1_000, 2),
          `${decimals(low / 1_000, 2)}–${decimals(high / 1_000, 2)}`,
          scanNs ? decimals(median(scanNs) / 1_000, 0) : '',
          ratios ? decimals(medianRatio(scanNs, ns), 0) : '',
          ratios ? `${decimals(spread(ratios).low, 0)}–${decimals(spread(ratios).high, 0)}` : '',
        ];
      }),
      checks: [
        {
          text: '10,000 events on 10,000 rows: copy and scan against the live list',
          value: ratio,
          aim: 300,
          atLeast: true,
          met: ratio >= 300,
        },
        {
          text: `an event with ${many} rows against one with ${few}, read by page ("flat")`,
          value: flat,
          aim: 2,
          met: flat <= 2,
        },
      ],
      notes: [
        'Client processor time. Frames of 167, 8 and 1,000 events. `table`: after each frame the array of all rows is taken and fields of fifty rows are read, on both sides; `page`: the fifty rows are read by `rowAt`, without that array.',
      ],
      raw,
    };
  },
};

/**
 * Live Kubernetes lists in Node: the pods that restart most, the last lines of the first one's log, and what changes meanwhile. Start the server with `npm start -- --demo`, or
 * connect a cluster.
 *
 *   node examples/live-lists/pods.mjs [--once]
 */
import { createClient } from '@trunkline/client';
import { liveList, liveLog, liveWindow } from '@trunkline/client/kube';
import { WebSocket } from 'ws';

const url = process.env['TRUNKLINE_URL'] ?? 'http://localhost:8000';
const once = process.argv.includes('--once');

// #region connect
const client = createClient({ url, websocket: WebSocket, name: 'live-lists' });
const { clusters } = await client.rpc('kube.clusters', {});
console.log('clusters:', clusters.map(({ id, reach }) => `${id} (${reach})`).join(', '));
const cluster = clusters[0]?.id;
if (cluster === undefined) throw new Error('no cluster: start the server with --demo, or connect one');
// #endregion connect

/** Resolves when the view is live. @param {{ get(): { state: string, reason?: string }, subscribe(listener: () => void): () => void }} view */
const untilLive = (view) =>
  new Promise((resolve, reject) => {
    const look = () => {
      const { state, reason } = view.get();
      if (state === 'live') resolve(undefined);
      else if (state === 'failed') reject(new Error(reason));
    };
    view.subscribe(look);
    look();
  });

// #region top
const top = liveWindow(client, {
  cluster,
  resource: 'pods',
  sort: [{ column: 'restarts', order: 'desc' }],
  limit: 5,
});
await untilLive(top);
console.log(`the 5 of ${top.get().total} pods that restarted most:`);
for (const { cells } of top.get().rows) console.log(' ', cells.join('  '));
// #endregion top

// #region log
const [, namespace, pod] = top.get().rows[0].id.split('/');
const log = liveLog(client, { cluster, namespace, pod, tail: 3 });
await untilLive(log);
for (const entry of log.get().entries)
  console.log(`${pod}:`, entry.kind === 'line' ? entry.text : `GAP ${entry.reason}`);
log.close();
// #endregion log

// #region list
const pods = liveList(client, { cluster, resource: 'pods', fields: ['status.phase'] });
pods.subscribe(() => {
  const { rows, total, state, reason } = pods.get();
  const running = rows.filter(({ status }) => status?.phase === 'Running').length;
  console.log(`${total} pods, ${running} running, ${state}${reason ? ` (${reason})` : ''}`);
});
await untilLive(pods);
// #endregion list

if (once) client.dispose();

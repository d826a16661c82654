/**
 * The `centrifuge` npm package as it comes, against a Trunkline server: nothing of ours is imported. The same works from its siblings in
 * Go, Python, Swift, Dart and Java that speak the JSON form of the protocol.
 *
 *   node examples/foreign-client/stock.mjs
 */
import { Centrifuge } from 'centrifuge';
import { WebSocket } from 'ws';

const url = (process.env['TRUNKLINE_URL'] ?? 'http://localhost:8000').replace(/^http/, 'ws');
const channel = 'public:foreign';

// #region stock
const centrifuge = new Centrifuge(`${url}/connection/websocket`, { websocket: WebSocket });
centrifuge.on('connected', ({ client, transport }) =>
  console.log(`connected as ${client} over ${transport}`),
);
centrifuge.on('disconnected', ({ code, reason }) => console.log(`disconnected: ${reason} (${code})`));

const subscription = centrifuge.newSubscription(channel, { recoverable: true, joinLeave: true });
subscription.on('subscribed', ({ recoverable, streamPosition }) =>
  console.log('subscribed', { recoverable, streamPosition }),
);
subscription.on('publication', ({ data, offset }) => console.log(`publication ${offset}:`, data));

subscription.subscribe();
centrifuge.connect();
await subscription.ready(5_000);
// #endregion stock

for (const text of ['one', 'two', 'three']) await subscription.publish({ text });

const history = await subscription.history({ limit: 3, reverse: true });
console.log(
  'history, newest first:',
  history.publications.map(({ offset, data }) => [offset, data.text]),
);
const { clients } = await subscription.presence();
console.log('present:', Object.keys(clients).length);

centrifuge.disconnect();

/**
 * Follows a channel one way, with nothing but an `EventSource`: no SDK, no WebSocket. It comes back by itself and continues where it was;
 * what cannot be recovered is told as a `gap`.
 *
 *   node examples/event-source/watch.mjs [channel] [--once]
 */
import { EventSource } from 'eventsource';

const url = process.env['TRUNKLINE_URL'] ?? 'http://localhost:8000';
const [channel = 'public:load'] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

// #region watch
const source = new EventSource(`${url}/connection/uni_sse?channel=${encodeURIComponent(channel)}`);

source.onmessage = ({ data }) => {
  const { pub, gap, error, disconnect, subscribe } = JSON.parse(data);
  if (subscribe) console.log('live');
  if (pub) console.log(`publication ${pub.offset}:`, pub.data);
  if (gap) console.log('something is missing: take your state again', gap);
  if (error) console.log('refused:', error.message);
  // Coming back is the EventSource's own business, except where the code says to stay away.
  if (disconnect && !disconnect.reconnect) source.close();
};
source.onerror = () => console.log(source.readyState === EventSource.CLOSED ? 'closed' : 'recovering');
// #endregion watch

if (process.argv.includes('--once'))
  source.addEventListener('message', ({ data }) => JSON.parse(data).pub && source.close());

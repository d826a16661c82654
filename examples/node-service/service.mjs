/**
 * A service in Node: it measures something and publishes it over the HTTP API, and follows a channel with the client SDK, with continuity
 * shown. Stop and start the server while it runs.
 *
 *   node examples/node-service/service.mjs [--once]
 */
import { readFileSync } from 'node:fs';
import { createClient } from '@trunkline/client';
import { WebSocket } from 'ws';

const url = process.env['TRUNKLINE_URL'] ?? 'http://localhost:8000';
const channel = 'public:load';
const once = process.argv.includes('--once');

// #region publish
/** The key of a development server lies where it left it; it is another after a restart, so it is read for each request. */
function apiKey() {
  return process.env['TRUNKLINE_API_KEY'] ?? JSON.parse(readFileSync('.trunkline/dev.json', 'utf8')).apiKey;
}

/** @param {unknown} data @param {string} idempotencyKey a repeat with the same key publishes nothing */
async function publish(data, idempotencyKey) {
  const answer = await fetch(`${url}/api/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': apiKey() },
    body: JSON.stringify({ channel, data, idempotency_key: idempotencyKey }),
  });
  const { result, error } = await answer.json();
  if (error) throw new Error(`${error.message} (${error.code})`);
  return result;
}
// #endregion publish

// #region follow
const client = createClient({ url, websocket: WebSocket, name: 'node-service' });
const subscription = client.stream(channel, {
  onPublication: ({ data, position }) => console.log(`got       offset ${position?.offset}:`, data),
  onReset: ({ reason, missing }) => console.warn(`reset     (${reason})`, missing ?? ''),
});
subscription.state.subscribe(() => console.log(`channel   is ${subscription.state.get().kind}`));
await client.ready();
// #endregion follow

for (let sample = 1; !once || sample <= 3; sample++) {
  const data = { sample, residentMb: Math.round(process.memoryUsage.rss() / 1e6) };
  try {
    const { offset } = await publish(data, `${process.pid}-${sample}`);
    console.log(`published offset ${offset}`);
  } catch (error) {
    console.error('not published:', error.message);
  }
  await new Promise((resolve) => setTimeout(resolve, once ? 200 : 2_000));
}
client.dispose();

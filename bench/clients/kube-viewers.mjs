/**
 * Viewers of Kubernetes lists and windows: a process of SDK clients, each with a WebSocket of its own.
 *
 *   open {viewers, kind: "list"|"window", question}  → {firstMs, lastMs}   when the first and the last viewer showed everything
 *   rows                                             → {rows, states}     of the first viewer: `namespace/name@version`; states seen since the last call, of all
 *   watch {on}                                       → from now on, changes that show up are timed by their annotation → {p50, p99, max, seen} in milliseconds
 *   received                                         → {bytes}            read from all sockets so far
 *   direct {url, token, path, caFile}                → {ms, cpuMs, rows, bytes}  one LIST, asked of the API server and parsed
 *   subscribe {question}                             → {ms, cpuMs, rows}  one list over a connection that is open already
 *   close                                            → ends all viewers
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createClient } from '@trunkline/client';
import { liveList, liveWindow } from '@trunkline/client/kube';
import { WebSocket } from 'ws';
import { serveCommands } from '../lib/commands.mjs';
import { nowUs } from '../lib/payload.mjs';
import { quantile } from '../lib/statistics.mjs';

const port = process.argv[2];
/** Connections that open at once. */
const CONCURRENCY = 50;

/** Viewers that are open. */
let viewers = [];
let connections = 0;
let timing = false;
let latenciesUs = [];
const states = new Set();

/** Closed sockets count on. */
let bytesOfGone = 0;
const sockets = new Set();

class CountedSocket extends WebSocket {
  constructor(...args) {
    super(...args);
    this.on('upgrade', ({ socket }) => {
      sockets.add(socket);
      socket.on('close', () => {
        bytesOfGone += socket.bytesRead;
        sockets.delete(socket);
      });
    });
  }
}

function newClient() {
  return createClient({
    url: `ws://127.0.0.1:${port}/connection/websocket`,
    websocket: CountedSocket,
    token: `viewer-${connections++}`,
    minDelayMs: 50,
    maxDelayMs: 1_000,
    // What is tried again by itself is part of what is measured.
    onError: (error) => error?.temporary || process.stderr.write(`${error?.stack ?? error}\n`),
  });
}

const openers = { list: liveList, window: liveWindow };

/** Resolves when it is complete; rejects when it is refused. */
function untilLive(view) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const { state, error } = view.get();
      if (state === 'failed') reject(error);
      if (state === 'live') {
        stop();
        resolve();
      }
    };
    const stop = view.subscribe(look);
    look();
  });
}

const CHANGED = ['metadata', 'annotations', 'changed'];
const changedOf = (row) => Number(CHANGED.reduce((at, name) => at?.[name], row.object ?? row) ?? 0);

/** Times every row whose time of change is another one than before. */
function follow(view) {
  const shown = new Map();
  let before = new Set();
  const look = () => {
    const snapshot = view.get();
    states.add(snapshot.state);
    const { rows } = snapshot;
    const now = nowUs();
    const held = new Set(rows);
    for (const row of rows) {
      if (before.has(row)) continue;
      const id = row.id ?? row.metadata.uid;
      const at = changedOf(row);
      if (timing !== false && at > timing && shown.get(id) !== at) latenciesUs.push(now - at);
      shown.set(id, at);
    }
    before = held;
  };
  view.subscribe(look);
  look();
}

async function open({ viewers: count, kind, question, timed = 3 }) {
  const started = performance.now();
  const times = [];
  const openOne = async () => {
    const client = newClient();
    const view = openers[kind](client, { cluster: 'bench', resource: 'pods', ...question });
    const isTimed = viewers.push({ client, view }) <= timed;
    await untilLive(view);
    if (isTimed) follow(view);
    else view.subscribe(() => states.add(view.get().state));
    times.push(performance.now() - started);
  };
  for (let left = count; left > 0; left -= CONCURRENCY)
    await Promise.all(Array.from({ length: Math.min(left, CONCURRENCY) }, openOne));
  return { firstMs: times[0], lastMs: times.at(-1), rows: viewers[0].view.get().rows.length };
}

function close() {
  for (const { client, view } of viewers) {
    view.close();
    client.dispose();
  }
  viewers = [];
}

/** A connection to an API server, kept open; by the file of its certificate authority. */
const dialers = new Map();

function dialerFor(caFile) {
  const known = dialers.get(caFile);
  if (known !== undefined) return known;
  const options = { keepAlive: true, maxSockets: 1 };
  const made =
    caFile === undefined
      ? { get: http.get, agent: new http.Agent(options) }
      : { get: https.get, agent: new https.Agent({ ...options, ca: readFileSync(caFile, 'utf8') }) };
  dialers.set(caFile, made);
  return made;
}

/** One answer, its text. A connection that the server closed while nobody used it is made anew. */
function ask(dialer, url, headers) {
  return new Promise((resolve, reject) => {
    const asked = dialer.get(url, { agent: dialer.agent, headers }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode !== 200) return reject(new Error(`status ${answer.statusCode}`));
        resolve(Buffer.concat(chunks).toString());
      });
    });
    asked.on('error', (error) =>
      asked.reusedSocket && error.code === 'ECONNRESET' ? resolve(ask(dialer, url, headers)) : reject(error),
    );
  });
}

/** One LIST as a program without Trunkline asks for it: one request over a connection that is open, one answer, parsed. */
async function list({ url, token, path, caFile }) {
  const dialer = dialerFor(caFile);
  const headers = { authorization: `Bearer ${token}` };
  // The connection is open from here on, however long ago the last question was.
  await ask(dialer, `${url}/version`, headers);
  const before = process.cpuUsage();
  const started = performance.now();
  const text = await ask(dialer, url + path, headers);
  const { items } = JSON.parse(text);
  const ms = performance.now() - started;
  return { ms, cpuMs: cpuMsSince(before), rows: items.length, bytes: Buffer.byteLength(text) };
}

function cpuMsSince(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

serveCommands(
  {
    open,
    close,
    rows: () => {
      const { rows, state, total } = viewers[0].view.get();
      const seen = [...states];
      states.clear();
      const names = rows.map(
        ({ metadata: { namespace, name, resourceVersion } }) => `${namespace}/${name}@${resourceVersion}`,
      );
      return { rows: names, state, total, states: seen };
    },
    cells: () => {
      const { rows, state, total } = viewers[0].view.get();
      return { rows: rows.map(({ id }) => id), state, total };
    },
    watch: ({ on }) => {
      timing = on ? nowUs() : false;
      const sorted = latenciesUs.sort((left, right) => left - right);
      latenciesUs = [];
      const ms = (share) => quantile(sorted, share) / 1_000;
      return { p50: ms(0.5), p99: ms(0.99), max: ms(1), seen: sorted.length };
    },
    received: () => ({
      bytes: [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, bytesOfGone),
    }),
    direct: list,
    subscribe: async ({ question }) => {
      const client = newClient();
      await client.rpc('kube.clusters', {});
      const before = process.cpuUsage();
      const started = performance.now();
      const view = liveList(client, { cluster: 'bench', resource: 'pods', ...question });
      await untilLive(view);
      const { rows } = view.get();
      const ms = performance.now() - started;
      const cpuMs = cpuMsSince(before);
      view.close();
      client.dispose();
      return { ms, cpuMs, rows: rows.length };
    },
  },
  {},
);

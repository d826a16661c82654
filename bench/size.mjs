/**
 * How many bytes the client costs a page: small programs bundled from the sources as an application's bundler would, minified and gzipped,
 * without the `centrifuge` package, which every row stands on. Ends with code 1 where a row misses its aim.
 *
 *   node bench/size.mjs
 */
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OPEN = `const client = createClient({ url: 'wss://live.example.com' });`;

/** What an application writes, and at most how many KiB that may cost. */
const ROWS = [
  {
    name: 'client/core: stream and calls',
    code: `import { createClient } from '@trunkline/client/core'; ${OPEN} client.stream('a', { onPublication: console.log }); void client.rpc('b', {});`,
    aimKiB: 12,
  },
  {
    name: 'client/core with client/fallbacks',
    code: `import { createClient } from '@trunkline/client/core'; import { fallbacks } from '@trunkline/client/fallbacks'; globalThis.client = createClient({ url: 'wss://live.example.com', transport: fallbacks() });`,
  },
  {
    name: 'client: maps, state, presence, fallbacks',
    code: `import { createClient } from '@trunkline/client'; ${OPEN} globalThis.client = client;`,
  },
  {
    name: 'client with client/kube: lists and objects',
    code: `import { createClient } from '@trunkline/client'; import { liveList, liveObject } from '@trunkline/client/kube'; ${OPEN} globalThis.open = [liveList, liveObject].map((live) => (options) => live(client, options));`,
  },
  {
    name: 'client with all of client/kube',
    code: `import { createClient } from '@trunkline/client'; import * as kube from '@trunkline/client/kube'; ${OPEN} globalThis.open = [client, kube];`,
  },
  {
    name: 'client/core with client/offline, IndexedDB',
    code: `import { createClient } from '@trunkline/client/core'; import { createOfflineQueue, indexedDbStore } from '@trunkline/client/offline'; ${OPEN} globalThis.queue = createOfflineQueue(client, { store: indexedDbStore('ada') });`,
  },
  {
    name: 'client/offline alone, IndexedDB',
    code: `import { createOfflineQueue, indexedDbStore } from '@trunkline/client/offline'; globalThis.open = (client) => createOfflineQueue(client, { store: indexedDbStore('ada') });`,
  },
];

/** @param {string} code @returns {Promise<{ minified: number, gzipped: number }>} bytes */
async function bundle(code) {
  const entry = '\0entry';
  const output = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['trunkline-source', 'module', 'browser', 'production', 'default'] },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? entry : undefined),
        load: (id) => (id === entry ? code : undefined),
      },
    ],
    build: {
      write: false,
      target: 'es2022',
      minify: true,
      modulePreload: false,
      rolldownOptions: {
        input: 'entry',
        external: [/^centrifuge/, /^node:/, /^react/],
        output: { format: 'es' },
      },
    },
  });
  const { output: chunks } = Array.isArray(output) ? output[0] : output;
  const text = chunks.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('');
  return { minified: Buffer.byteLength(text), gzipped: gzipSync(text, { level: 9 }).length };
}

let missed = false;
for (const { name, code, aimKiB } of ROWS) {
  const { minified, gzipped } = await bundle(code);
  const over = aimKiB !== undefined && gzipped > aimKiB * 1024;
  missed ||= over;
  const aim = aimKiB === undefined ? '' : `  aim ${aimKiB} KiB${over ? ': MISSED' : ''}`;
  console.log(
    `${name.padEnd(42)} ${String(gzipped).padStart(7)} B  ${(gzipped / 1024).toFixed(2).padStart(6)} KiB gz (${minified} B minified)${aim}`,
  );
}
process.exitCode = missed ? 1 : 0;

#!/usr/bin/env node
/**
 * Runs the live tests that come with the stock client's own repository against this server, over all its transports and both codecs:
 * `node tests/conformance/run-foreign.mjs <checkout> [--websocket] [--installed] [file…]`. It starts the server on port 8000 with the
 * conformance configuration, runs the given test files (default: all whose subject this server has: core, Protobuf, recovery, getState, maps,
 * deltas, debounce) and lists what passed and failed; the exit code says whether all passed. `--websocket` leaves out the cases of other
 * transports, `--installed` tests the installed `centrifuge` package instead of the checkout's sources (cases that look into the
 * sources' private fields then fail). Tokens written into the tests are accepted as they are: the configuration allows their short secret.
 * Not part of the test run: the checkout is not ours.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const [checkout, ...files] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
if (checkout === undefined) {
  console.error('usage: run-foreign.mjs <checkout> [--websocket] [--installed] [file…]');
  process.exit(2);
}
const chosen =
  files.length > 0
    ? files
    : [
        'centrifuge.test.ts',
        'centrifuge.protobuf.test.ts',
        'recovery.test.ts',
        'getstate.test.ts',
        'map.test.ts',
        'map.protobuf.test.ts',
        'delta.test.ts',
        'debounce.test.ts',
      ];

const scratch = mkdtempSync(join(tmpdir(), 'trunkline-foreign-'));
const server = spawn(
  process.execPath,
  [
    process.env['TRUNKLINE_CLI'] ?? join(root, 'apps/cli/bin/trunkline.mjs'),
    'serve',
    '--config',
    join(root, 'tests/conformance/config.yaml'),
    '--port',
    '8000',
  ],
  { cwd: scratch, stdio: ['ignore', 'inherit', 'inherit'] },
);
process.on('exit', () => {
  server.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
});

try {
  await ready();
  process.exitCode = await run();
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
} finally {
  server.kill('SIGKILL');
}

async function ready() {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.exitCode !== null) throw new Error(`the server exited with ${server.exitCode}`);
    const ok = await fetch('http://127.0.0.1:8000/health/ready').then(
      (answer) => answer.ok,
      () => false,
    );
    if (ok) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('the server did not become ready on port 8000');
}

/** The checkout has no packages installed: what its tests import is taken from here, or from a stand-in of a few lines. */
async function run() {
  const standIns = {
    undici: 'export const fetch = globalThis.fetch;',
    // The tests were written for the default export of an earlier version.
    eventsource: `export { EventSource as default } from '${pathToFileURL(join(root, 'node_modules/eventsource/dist/index.js'))}';`,
  };
  for (const [name, text] of Object.entries(standIns)) writeFileSync(join(scratch, `${name}.mjs`), text);
  const alias = [
    { find: /^ws$/, replacement: join(root, 'node_modules/ws/wrapper.mjs') },
    { find: /^(undici|eventsource)$/, replacement: join(scratch, '$1.mjs') },
    { find: /^events$/, replacement: join(root, 'node_modules/events/events.js') },
    { find: /^protobufjs\/minimal$/, replacement: join(root, 'node_modules/protobufjs/minimal.js') },
  ];
  if (flags.includes('--installed')) {
    alias.push({
      find: /^\.\/centrifuge$/,
      replacement: join(root, 'node_modules/centrifuge/build/index.mjs'),
    });
    alias.push({
      find: /^\.\/protobuf$/,
      replacement: join(root, 'node_modules/centrifuge/build/protobuf/index.mjs'),
    });
  }
  process.env['DEBOUNCE'] = '1';
  const { startVitest } = await import('vitest/node');
  const outcome = await startVitest(
    'test',
    [],
    {
      root: resolve(checkout),
      config: false,
      globals: true,
      watch: false,
      include: chosen.map((file) => `src/${file}`),
      // Real WebSocket cases only: the others are named after their transport.
      ...(flags.includes('--websocket')
        ? { testNamePattern: '^(?!(http_stream|sse|http_stream \\(Protobuf\\)): )' }
        : {}),
      reporters: ['verbose'],
      fileParallelism: false,
      testTimeout: 15_000,
      hookTimeout: 15_000,
    },
    {
      resolve: { alias },
      server: { fs: { strict: false } },
    },
  );
  const tests = outcome.state.getFiles().flatMap((file) => collect(file.tasks, file.name));
  await outcome.close();
  const failed = tests.filter((test) => test.state === 'fail');
  console.log(`\n${tests.filter((test) => test.state === 'pass').length} passed, ${failed.length} failed`);
  for (const { name } of failed) console.log(`FAIL ${name}`);
  return failed.length === 0 && tests.length > 0 ? 0 : 1;
}

function collect(tasks, prefix) {
  return tasks.flatMap((task) =>
    task.type === 'suite'
      ? collect(task.tasks, `${prefix} > ${task.name}`)
      : [{ name: `${prefix} > ${task.name}`, state: task.result?.state ?? 'skip' }],
  );
}

/** The offline queue of a Node program whose process is killed without warning, again and again: what it said it kept takes effect once, in order. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '@trunkline/testkit';
import { startKeyedServer, type KeyedServer } from '../support/keyed-server.js';

/** Says `kept n` when command n is kept, and `idle` when nothing waits any more. Adds `count` commands from number `from` on. */
const PROGRAM = `
  import { createClient } from '@trunkline/client';
  import { createOfflineQueue } from '@trunkline/client/offline';
  import { fileStore } from '@trunkline/client/offline/file';
  import { WebSocket } from 'ws';
  const [url, file, from, count] = process.argv.slice(1);
  const client = createClient({ url, websocket: WebSocket, minDelayMs: 5, maxDelayMs: 20, onError: () => undefined });
  const queue = createOfflineQueue(client, { store: fileStore(file), minDelayMs: 5, maxDelayMs: 20 });
  const say = (line) => process.stdout.write(line + '\\n');
  setInterval(() => undefined, 1000);
  for (let n = Number(from); n < Number(from) + Number(count); n++) {
    await queue.add('write', n);
    say('kept ' + n);
  }
  const look = () => {
    const { loaded, counts } = queue.state.get();
    if (loaded && counts.queued + counts.sending === 0) say('idle');
  };
  queue.state.subscribe(look);
  look();
`;

let folder: string;
let server: KeyedServer;
let children: ChildProcess[];

interface Program {
  readonly lines: string[];
  kill9(): Promise<void>;
}

function run(from: number, count: number): Program {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', PROGRAM, server.url, join(folder, 'queue'), String(from), String(count)],
    { cwd: fileURLToPath(new URL('../..', import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  const lines: string[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return {
    lines,
    kill9: () =>
      new Promise((resolve) => {
        child.once('close', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}
const keptBy = ({ lines }: Program): number[] =>
  lines.filter((line) => line.startsWith('kept')).map((line) => Number(line.split(' ')[1]));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offline-'));
  server = await startKeyedServer();
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
});

describe('the offline queue of a Node program', () => {
  it('[OFFLINE-3] kill -9 in the middle of adding and sending: what was kept takes effect once, in order', async () => {
    const kept: number[] = [];
    let from = 1;
    for (const [after, loses] of [
      [4, 0],
      [9, 3],
      [1, 0],
      [14, 6],
    ] as const) {
      server.loseAnswers(loses);
      const program = run(from, 500);
      await until('some are kept', () => keptBy(program).length >= after, 20_000, 1);
      await program.kill9();
      kept.push(...keptBy(program));
      // The one after the last that was said may be kept too.
      from = (kept.at(-1) ?? 0) + 2;
    }
    server.loseAnswers(0);
    const last = run(from, 3);
    await until(
      'the last arrived',
      () => keptBy(last).length === 3 && server.effects.includes(from + 2),
      20_000,
    );
    kept.push(...keptBy(last));
    expect(server.effects).toEqual([...(server.effects as number[])].sort((left, right) => left - right));
    expect(new Set(server.effects).size).toBe(server.effects.length);
    for (const n of kept) expect(server.effects).toContain(n);
    // At most one for each life that was killed: kept, but not said.
    expect(server.effects.length - kept.length).toBeLessThanOrEqual(4);
    expect(server.arrivals.length).toBeGreaterThanOrEqual(server.effects.length);
  });

  it('[OFFLINE-3] kept without a server, sent by the next life', async () => {
    server.down();
    const first = run(1, 20);
    await until('all are kept', () => keptBy(first).length === 20, 20_000);
    await first.kill9();
    server.up();
    const second = run(21, 0);
    await until('all arrived', () => server.effects.length === 20, 20_000);
    await until('nothing waits any more', () => second.lines.at(-1) === 'idle', 20_000);
    expect(server.effects).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(server.arrivals).toHaveLength(20);
  });
});

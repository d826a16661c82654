/**
 * A file that grows is piped into `publish --stdin` and followed with `tail`, while the server is killed and started again: every line arrives, or
 * `tail` says at the place where it is missing that something is.
 */
import { spawn } from 'node:child_process';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { until, wait } from '@trunkline/testkit';
import { conformanceServer, useBed } from '../support/bed.js';
import { CLI, cliEnvironment, startCli } from '../support/cli.js';

const bed = useBed(conformanceServer);

type Event = Readonly<Record<string, unknown>>;

/** Walks the events of one `tail --json`; throws at a hole that nothing announces, and at a repetition within one history. */
function verify(
  events: readonly Event[],
  last: number,
): { readonly losses: number; readonly seen: ReadonlySet<number> } {
  const seen = new Set<number>();
  let before = 0;
  let announced = false;
  let losses = 0;
  for (const event of events) {
    if (event['type'] === 'gap' || event['type'] === 'reset') {
      announced = true;
      losses++;
    }
    if (event['type'] !== 'publication') continue;
    const { n } = event['data'] as { readonly n: number };
    if (n !== before + 1 && !announced) throw new Error(`line ${n} after ${before}, and nothing was said`);
    announced = false;
    before = n;
    seen.add(n);
  }
  expect(before).toBe(last);
  return { losses, seen };
}

describe('a growing file', () => {
  it('[CLI-12] [CLI-7] published and followed across kill -9 and restart: nothing is missing in silence', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-cli-'));
    bed.kit.defer(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'app.log');
    await appendFile(file, '');
    const channel = bed.channel('longhistory');
    const tail = bed.kit.use(startCli(['tail', channel, '--json'], { server: bed.server }));
    await until('tail is live', () => tail.json().some(({ state }) => state === 'live'));

    const follow = spawn('tail', ['-n', '+1', '-s', '0.05', '-F', file], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    bed.kit.defer(() => void follow.kill('SIGKILL'));
    const publish = spawn(process.execPath, [CLI, 'publish', channel, '--stdin', '--json'], {
      cwd: tmpdir(),
      env: cliEnvironment({ server: bed.server }),
      stdio: [follow.stdout, 'pipe', 'pipe'],
    });
    bed.kit.defer(() => void publish.kill('SIGKILL'));
    let totals = '';
    let said = '';
    publish.stdout?.setEncoding('utf8').on('data', (text: string) => (totals += text));
    publish.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    const published = new Promise<number | null>((resolve) => publish.once('close', (code) => resolve(code)));

    let lines = 0;
    let growing = true;
    const grow = (async () => {
      while (growing) {
        await appendFile(file, `{"n":${++lines}}\n`);
        await wait(5);
      }
    })();
    const arrived = (): number => {
      const data = tail.json().findLast(({ type }) => type === 'publication')?.['data'];
      return (data as { readonly n: number } | undefined)?.n ?? 0;
    };
    for (let turn = 0; turn < 2; turn++) {
      const from = lines;
      await until('lines flow', () => arrived() > from + 30);
      await bed.server.kill9();
      await until('it is said', () => (said.match(/waiting to publish/g)?.length ?? 0) > turn);
      await bed.server.restart();
    }
    const from = lines;
    await until('lines flow again', () => arrived() > from + 30);
    growing = false;
    await grow;
    await until('the last line arrives', () => arrived() === lines);
    follow.kill('SIGTERM');
    expect(await published).toBe(0);
    expect(JSON.parse(totals)).toEqual({ published: lines, refused: 0, unsent: 0 });

    tail.interrupt();
    expect(await tail.exit).toBe(0);
    const { losses, seen } = verify(tail.json(), lines);
    // The history lived in the memory of a process that was killed: each time that is said, in words for people too.
    expect(losses).toBeGreaterThanOrEqual(2);
    expect(tail.err.match(/RESET/g)?.length).toBe(losses);
    expect(seen.size).toBeGreaterThan(30);
  });

  it('[CLI-11] --since continues where an earlier tail ended, without a hole', async () => {
    const channel = bed.channel('longhistory');
    const positions: Event[] = [];
    for (let turn = 0; turn < 3; turn++) {
      const last = positions.at(-1);
      const since =
        last === undefined ? [] : ['--since', `${String(last['offset'])}@${String(last['epoch'])}`];
      const tail = bed.kit.use(startCli(['tail', channel, '--json', ...since], { server: bed.server }));
      await until('tail is live', () => tail.json().some(({ state }) => state === 'live'));
      for (let n = 1; n <= 5; n++) await bed.publish(channel, { n: turn * 10 + n });
      await until('five came', () =>
        tail.json().some(({ data }) => (data as { n?: number } | undefined)?.n === turn * 10 + 5),
      );
      tail.interrupt();
      await tail.exit;
      positions.push(...tail.json().filter(({ type }) => type === 'publication'));
      // Published while nobody followed.
      for (let n = 6; n <= 10; n++) await bed.publish(channel, { n: turn * 10 + n });
    }
    expect(positions.map(({ data }) => (data as { n: number }).n)).toEqual(
      Array.from({ length: 25 }, (_, at) => at + 1),
    );
  });
});

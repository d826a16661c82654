/** The load generator against a real server: nothing lost on a healthy one, everything that a crash took counted, results on Ctrl-C. */
import { describe, expect, it } from 'vitest';
import { until } from '@trunkline/testkit';
import { conformanceServer, useBed } from '../support/bed.js';
import { runCli, startCli } from '../support/cli.js';

const bed = useBed(conformanceServer);

describe('bench', () => {
  it.each([
    ['api', 'longhistory'],
    ['client', ''],
  ])('[CLI-24] a healthy server loses nothing: publishing by %s', async (by, namespace) => {
    const argv = [
      '-n',
      '20',
      '--channels',
      '4',
      '--subscriptions',
      '2',
      '--publishers',
      '2',
      '--rate',
      '200',
      '--duration',
      '2s',
    ];
    const { code, out } = await runCli(
      ['bench', ...argv, '--publish-by', by, '--namespace', namespace, '--json'],
      {
        server: bed.server,
      },
    );
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ type }) => type === 'progress').length).toBeGreaterThan(0);
    const result = lines.at(-1) ?? {};
    expect(result).toMatchObject({
      type: 'result',
      connectionsMade: 20,
      lost: 0,
      duplicated: 0,
      outOfOrder: 0,
      errors: [],
    });
    expect(result['publications']).toBeGreaterThan(100);
    expect(result['deliveries']).toBe(Number(result['publications']) * 10);
    expect(code).toBe(0);
  });

  it('[CLI-24] connections cut on the way: readers come back, and recovery leaves nothing lost', async () => {
    const proxy = await bed.kit.proxy(bed.server);
    const bench = bed.kit.use(
      startCli(
        [
          'bench',
          '-n',
          '10',
          '--rate',
          '50',
          '--duration',
          '10m',
          '--namespace',
          'longhistory',
          '--json',
          '--url',
          proxy.url,
        ],
        {
          server: bed.server,
        },
      ),
    );
    await until('it publishes', () => bench.json().some(({ publications }) => Number(publications) > 20));
    const before = bench.json().length;
    proxy.drop();
    // The first line after it may still be of before.
    await until('everybody is back', () =>
      bench
        .json()
        .slice(before + 1)
        .some(({ open }) => open === 10),
    );
    bench.interrupt();
    expect(await bench.exit).toBe(130);
    const result = bench.json().at(-1);
    expect(result).toMatchObject({
      lost: 0,
      duplicated: 0,
      outOfOrder: 0,
      unrecovered: 0,
      connectionsMade: 10,
    });
    expect(result?.['reconnects']).toBe(10);
    expect(result?.['errors']).not.toEqual([]);
  });

  it('[CLI-25] a killed server: what its memory held is counted as lost, exit 1', async () => {
    const bench = bed.kit.use(
      startCli(
        ['bench', '-n', '10', '--rate', '200', '--duration', '10m', '--namespace', 'longhistory', '--json'],
        {
          server: bed.server,
        },
      ),
    );
    const progress = (): Record<string, number> => (bench.json().at(-1) ?? {}) as Record<string, number>;
    await until('it publishes', () => (progress()['publications'] ?? 0) > 50);
    await bed.server.kill9();
    await until('everybody is away', () => progress()['open'] === 0);
    const before = progress()['publications'] ?? 0;
    await bed.server.restart();
    await until(
      'everybody is back',
      () => progress()['open'] === 10 && (progress()['publications'] ?? 0) > before + 100,
      30_000,
    );
    bench.interrupt();
    const code = await bench.exit;
    const result = progress();
    expect(result).toMatchObject({ type: 'result', ended: 'interrupted', reconnects: 10, unrecovered: 10 });
    // Whether something was acknowledged before the last reader was back is chance; that it is counted is not.
    expect(code).toBe((result['lost'] ?? 0) > 0 ? 1 : 130);
    expect((result['deliveries'] ?? 0) + (result['lost'] ?? 0)).toBeGreaterThanOrEqual(
      (result['publications'] ?? 0) * 10,
    );
  });

  it('[CLI-25] Ctrl-C prints the results so far, exit 130', async () => {
    const bench = bed.kit.use(
      startCli(['bench', '-n', '5', '--rate', '50', '--duration', '10m'], { server: bed.server }),
    );
    await until('it publishes', () => bench.err.includes('published'));
    bench.interrupt();
    expect(await bench.exit).toBe(130);
    expect(bench.out).toMatch(/^connections {3}5 of 5 made/);
    expect(bench.out).toMatch(/lost {10}0\n/);
    expect(bench.out).toContain("measured on one machine's clock");
  });
});

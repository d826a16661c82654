/**
 * The command against a real server, as processes: what each command does there, how it explains, and how it behaves in pipes, under signals and
 * without a terminal.
 */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { freePort, signToken, subscribed, until } from '@trunkline/testkit';
import { conformanceServer, SECRET, useBed } from '../support/bed.js';
import { CLI, cliEnvironment, runCli, startCli, type CliOptions } from '../support/cli.js';

const bed = useBed(conformanceServer);
const cli = (argv: readonly string[], more: CliOptions = {}) => runCli(argv, { server: bed.server, ...more });
const user = (name: string): Promise<string> => signToken({ sub: name, org: 'test' }, SECRET);

/** A shell line in which `$CLI` stands for the command. */
function shell(line: string): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(
    'bash',
    ['-o', 'pipefail', '-c', line.replaceAll('$CLI', `"${process.execPath}" "${CLI}"`)],
    {
      cwd: tmpdir(),
      env: cliEnvironment({ server: bed.server }),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

describe('channels and maps', () => {
  it('[CLI-16] what was published is found in the history, the channel and its presence', async () => {
    const channel = bed.channel();
    const client = await bed.client({ token: await user('ann') });
    await subscribed(client.newSubscription(channel));
    for (const n of [1, 2, 3]) expect((await cli(['publish', channel, `{"n":${n}}`])).code).toBe(0);
    const history = await cli(['history', channel, '--limit', '2', '--json']);
    expect(
      history.out
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { data: unknown }).data),
    ).toEqual([{ n: 2 }, { n: 3 }]);
    const first = JSON.parse(history.out.split('\n')[0] ?? '') as { offset: number; epoch: string };
    const after = await cli(['history', channel, '--since', `${first.offset}@${first.epoch}`, '--json']);
    expect(after.out.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse((await cli(['channel', channel, '--json'])).out)).toMatchObject({
      channel,
      type: 'stream',
      subscribers: 1,
      position: { offset: 3 },
      presence: [{ user: 'ann' }],
    });
    expect((await cli(['presence', channel, '--stats'])).out).toBe('1 client, 1 user\n');
  });

  it('[CLI-17] entries are written, guarded, read and removed', async () => {
    const channel = bed.channel('positioned');
    expect((await cli(['map', 'set', channel, 'a', '{"x":1}'])).code).toBe(0);
    expect((await cli(['map', 'set', channel, 'a', '2', '--expect', 'absent'])).code).toBe(1);
    expect((await cli(['map', 'set', channel, 'b', 'text', '--expect', 'absent'])).code).toBe(0);
    const all = await cli(['map', 'get', channel, '--json']);
    expect(
      all.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { key: 'a', data: { x: 1 } },
      { key: 'b', data: 'text' },
    ]);
    expect((await cli(['map', 'remove', channel, 'a'])).code).toBe(0);
    expect((await cli(['map', 'get', channel, 'a'])).code).toBe(5);
    expect((await cli(['map', 'get', channel, 'b'])).out).toBe('"text"\n');
  });

  it('[CLI-18] a connection is subscribed and unsubscribed from the server', async () => {
    const channel = bed.channel();
    const client = await bed.client({ token: await user('server-side') });
    const seen: string[] = [];
    client.on('subscribed', (context) => seen.push(`+${context.channel}`));
    client.on('unsubscribed', (context) => seen.push(`-${context.channel}`));
    expect((await cli(['subscribe', channel, '--user', 'server-side'])).out).toBe(
      '1 connection subscribed\n',
    );
    await until('subscribed', () => seen.includes(`+${channel}`));
    expect((await cli(['unsubscribe', channel, '--user', 'server-side'])).code).toBe(0);
    await until('unsubscribed', () => seen.includes(`-${channel}`));
    expect((await cli(['subscribe', channel, '--user', 'nobody-of-this-name'])).code).toBe(5);
    expect((await cli(['refresh', '--user', 'server-side', '--never'])).code).toBe(0);
  });

  it('[CLI-29] tail --filter lets the server filter by tags', async () => {
    const channel = bed.channel('tagged');
    const tail = bed.kit.use(
      startCli(['tail', channel, '--map', '--filter', 'level=error|fatal', '--json'], { server: bed.server }),
    );
    await until('live', () => tail.json().some(({ state }) => state === 'live'));
    for (const [key, level] of [
      ['a', 'info'],
      ['b', 'error'],
      ['c', 'fatal'],
    ] as const)
      await bed.mapPublish(channel, key, level, { tags: { level } });
    await until('what fits', () => tail.json().filter(({ type }) => type === 'publication').length >= 2);
    expect(
      tail
        .json()
        .filter(({ type }) => type === 'publication')
        .map(({ key }) => key),
    ).toEqual(['b', 'c']);
  });
});

describe('explaining', () => {
  it('[CLI-22] doctor: a healthy server, a wrong key, an expired token, nobody there', async () => {
    const healthy = await cli(['doctor', '--json']);
    expect(healthy.code).toBe(0);
    const checks = healthy.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { check: string; status: string });
    expect(checks.map(({ check }) => check)).toContain('round trip');
    expect(checks.every(({ status }) => status === 'ok')).toBe(true);

    const key = await cli(['doctor', '--api-key', 'wrong']);
    expect(key.code).toBe(4);
    expect(key.out).toMatch(/FAILED {3}API key/);

    const old = await signToken({ sub: 'ann', org: 'test', exp: 1_600_000_000 }, SECRET);
    const token = await cli(['doctor', '--token', old]);
    expect(token.code).toBe(4);
    expect(token.out).toMatch(/FAILED {3}token[\s\S]*It expired .* ago \(claim exp\)/);

    const nobody = await cli(['doctor', '--url', `http://127.0.0.1:${await freePort()}`]);
    expect(nobody.code).toBe(3);
    expect(nobody.out).toMatch(
      /FAILED {3}reach {7}no connection: connection refused\n +Is the server running/,
    );
  });

  it('[CLI-21] why: subscribed, not subscribed, not connected', async () => {
    const channel = bed.channel();
    const client = await bed.client({ token: await user('why-ann') });
    const why = (...argv: string[]) => cli(['why', channel, '--user', 'why-ann', ...argv]);
    const not = await why();
    expect(not.out).toContain('Not subscribed.');
    expect(not.code).toBe(1);
    const subscription = client.newSubscription(channel);
    await subscribed(subscription);
    await bed.publish(channel, 1);
    await until('handed over', async () =>
      (await why('--offset', '1')).out.includes('Offset 1 was handed to this connection.'),
    );
    client.disconnect();
    await until('gone', async () => (await why()).out.includes('Not connected.'));
  });
});

describe('a server with rules', () => {
  it('[CLI-21] [CLI-19] a denied subscribe is found by why, events and namespaces', async () => {
    const server = await bed.kit.server({
      config: {
        auth: { keys: [{ alg: 'HS256', secret: SECRET }] },
        api: { keys: [{ name: 'tests', org: 'test', key: 'test-api-key-of-rules' }] },
        channels: { namespaces: [{ name: 'closed', historySize: 10 }] },
      },
      apiKey: 'test-api-key-of-rules',
    });
    const stock = bed.kit.stock(server.wsUrl, { token: await user('ann') });
    await stock.connect();
    const subscription = stock.client.newSubscription('closed:a');
    const refused = new Promise<number>((resolve) =>
      subscription.on('unsubscribed', ({ code }) => resolve(code)),
    );
    subscription.subscribe();
    expect(await refused).toBe(103);

    const why = await cli(['why', 'closed:a', '--user', 'ann'], { server });
    expect(why.out).toContain('Denied: it may not subscribe.');
    expect(why.out).toContain('permission denied (103)');
    expect(why.out).toContain('lets nobody subscribe');
    expect(why.code).toBe(1);
    const events = await cli(['events', '--kind', 'subscribeRefused', '--json'], { server });
    expect(JSON.parse(events.out)).toMatchObject({
      kind: 'subscribeRefused',
      code: 103,
      user: 'ann',
      channel: 'closed:a',
    });
    expect((await cli(['namespaces'], { server })).out).toMatch(
      /closed +stream +live +10 for 5 min +recover +- +nobody +nobody/,
    );

    await cli(['disconnect', '--user', 'ann'], { server });
    await until('told', async () => {
      const { out } = await cli(['why', 'closed:a', '--user', 'ann'], { server });
      return (
        out.includes('Not connected.') && out.includes('force disconnect (3503)') && out.includes('stay away')
      );
    });
    const doctor = await cli(['doctor', '--token', await user('ann'), '--channel', 'closed:a'], { server });
    expect(doctor.code).toBe(4);
    expect(doctor.out).toMatch(
      /FAILED {3}subscribe +closed:a: permission denied \(103\)\n +The namespace of this name does not admit/,
    );
  });
});

describe('a process among others', () => {
  it('[CLI-27] a reader that goes away ends the command without a complaint', async () => {
    const channel = bed.channel('longhistory');
    for (let n = 0; n < 300; n++) await bed.publish(channel, { n, text: 'x'.repeat(500) });
    const history = await shell(`$CLI history ${channel} --limit 300 --json | head -n 1`);
    expect(history).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(history.out)).toMatchObject({ data: { n: 0 } });
    const tail = await shell(`$CLI tail ${channel} --history 300 2>/dev/null | head -n 2`);
    expect(tail.code).toBe(0);
    expect(tail.out.trimEnd().split('\n')).toHaveLength(2);
    expect((await shell(`$CLI publish ${channel} 1 2>&1 >/dev/null | head -n 0`)).code).toBe(0);
  });

  it('[CLI-27] closed standard input is an empty one', async () => {
    const { code, err } = await shell(`$CLI publish ${bed.channel()} --stdin <&-`);
    expect({ code, err }).toEqual({ code: 0, err: '0 lines published\n' });
  });

  it('[CLI-27] Ctrl-C: tail ends with 0, a pipe that publishes with what it had, SIGTERM likewise', async () => {
    const channel = bed.channel();
    const tail = bed.kit.use(startCli(['tail', channel], { server: bed.server }));
    await until('live', () => tail.err.includes('live'));
    tail.interrupt();
    expect(await tail.exit).toBe(0);

    const publish = bed.kit.use(startCli(['publish', channel, '--stdin'], { server: bed.server }));
    publish.child.stdin?.write('1\n2\n');
    await until('published', async () => (await bed.api('history', { channel }))['offset'] === 2);
    publish.child.kill('SIGTERM');
    expect(await publish.exit).toBe(0);
    expect(publish.err).toBe('2 lines published\n');
  });

  it('[CLI-4] colours are for terminals, and can be forced', async () => {
    const escape = '\u001b[';
    expect((await cli(['doctor'])).out).not.toContain(escape);
    expect((await cli(['doctor'], { env: { FORCE_COLOR: '1' } })).out).toContain(escape);
    expect((await cli(['nonsense'], { env: { FORCE_COLOR: '0' } })).err).not.toContain(escape);
  });

  it('[CLI-10] exit codes of a real server', async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    for (const [code, ...argv] of [
      [0, 'info'],
      [2, 'history'],
      [3, 'info', '--url', dead],
      [3, 'tail', 'a', '--url', dead],
      [4, 'info', '--api-key', 'wrong'],
      [4, 'tail', 'a', '--token', 'not.a.token'],
      [5, 'publish', 'nosuchnamespace:a', '1'],
      [5, 'disconnect', '--user', 'nobody-of-this-name'],
    ] as const)
      expect((await cli(argv)).code, argv.join(' ')).toBe(code);
  });

  it('[CLI-30] help and the calls of the API load neither server nor client SDK', async () => {
    const hook = `export async function load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); }`;
    const register = `import { register } from 'node:module'; register("data:text/javascript,${encodeURIComponent(hook)}");`;
    const flag = `--import=data:text/javascript,${encodeURIComponent(register)}`;
    for (const argv of [['--help'], ['info', '--json']]) {
      const { code, err } = await cli(argv, { nodeFlags: [flag] });
      expect(code).toBe(0);
      expect(err).toContain('/apps/cli/');
      expect(err).not.toMatch(
        /\/(apps\/server|packages\/(client|hub|broker)|node_modules\/(centrifuge|ws|zod|fastify))\//,
      );
    }
    expect((await cli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

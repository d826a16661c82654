/** The HTTP API in its public shapes: what a server library written for the open protocol sends and expects. */
import { describe, expect, it } from 'vitest';
import { nextEvent, signToken, subscribed, until, type ApiAnswer } from '@trunkline/testkit';
import { SECRET, useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();

interface Published {
  readonly offset: number;
  readonly epoch: string;
}

describe('the HTTP API', () => {
  it('[API-10] publishes, numbers, and repeats nothing under one idempotency key', async () => {
    const channel = bed.channel();
    const [first, again] = [
      await bed.publish(channel, { n: 1 }, { idempotency_key: `once-${channel}` }),
      await bed.publish(channel, { n: 1 }, { idempotency_key: `once-${channel}` }),
    ];
    expect(first).toMatchObject({ offset: 1 });
    expect(again).toEqual(first);
    expect((await bed.publish(channel, { n: 2 }))['offset']).toBe(2);
  });

  it('[API-11] broadcasts to many channels, each with its own answer', async () => {
    const channels = [bed.channel(), bed.channel(), 'no_such_namespace:x'];
    const { responses } = (await bed.api('broadcast', { channels, data: 1 })) as {
      responses: { result?: Published; error?: { code: number } }[];
    };
    expect(responses.map(({ result, error }) => result?.offset ?? error?.code)).toEqual([
      1,
      1,
      expect.any(Number),
    ]);
    expect(responses[2]?.error).toBeDefined();
  });

  it('[API-15] answers presence, history, channels, connections and info', async () => {
    const channel = bed.channel();
    const user = `user_${channel}`;
    const client = await bed.client({
      token: await signToken({ sub: user }, SECRET),
      name: 'app',
      version: '1.2',
    });
    await subscribed(client.newSubscription(channel));
    await bed.publish(channel, { n: 1 });
    const { presence } = (await bed.api('presence', { channel })) as {
      presence: Record<string, { user: string }>;
    };
    expect(Object.values(presence)).toMatchObject([{ user }]);
    expect(await bed.api('presence_stats', { channel })).toEqual({ num_clients: 1, num_users: 1 });
    expect(await bed.api('history', { channel, limit: 10 })).toMatchObject({
      publications: [{ data: { n: 1 }, offset: 1 }],
      offset: 1,
    });
    expect(await bed.api('channels', { pattern: channel })).toEqual({
      channels: { [channel]: { num_clients: 1 } },
    });
    const { connections } = (await bed.api('connections', { user })) as {
      connections: Record<string, { user: string; app_name: string; app_version: string }>;
    };
    expect(Object.values(connections)).toMatchObject([{ user, app_name: 'app', app_version: '1.2' }]);
    expect((await bed.api('info', {}))['nodes']).toHaveLength(1);
  });

  it('[API-12] writes maps under conditions and reads them in pages', async () => {
    const channel = bed.channel('positioned');
    for (const key of ['a', 'b', 'c'])
      expect(await bed.mapPublish(channel, key, key, { expect: 'absent' })).toMatchObject({ applied: true });
    const refused = await bed.mapPublish(channel, 'a', 'second', { expect: 'absent' });
    expect(refused).toMatchObject({ applied: false, current: { data: 'a', offset: 1 } });
    expect(await bed.mapPublish(channel, 'a', 'second', { expect: 1 })).toMatchObject({
      applied: true,
      offset: 4,
    });
    expect(await bed.mapPublish(channel, 'a', 'third', { expect: 1 })).toMatchObject({ applied: false });
    const keys: string[] = [];
    let cursor = '';
    do {
      const page = (await bed.api('map_state', { channel, cursor, limit: 2 })) as {
        entries: { key: string }[];
        cursor: string;
      };
      keys.push(...page.entries.map(({ key }) => key));
      cursor = page.cursor;
    } while (cursor !== '');
    expect(keys).toEqual(['a', 'b', 'c']);
  });

  it('[API-12] of many writers that compare and set one key, each step has one winner', async () => {
    const channel = bed.channel('positioned');
    await bed.mapPublish(channel, 'counter', 0);
    const increment = async (): Promise<void> => {
      for (;;) {
        const { entries } = (await bed.api('map_state', { channel })) as {
          entries: { data: number; offset: number }[];
        };
        const [entry] = entries;
        const { applied } = await bed.mapPublish(channel, 'counter', (entry?.data ?? 0) + 1, {
          expect: entry?.offset ?? 'absent',
        });
        if (applied === true) return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, increment));
    expect(await bed.api('map_state', { channel })).toMatchObject({ entries: [{ data: 20 }] });
  });

  it('[API-17] runs a batch in order, each command with its answer', async () => {
    const channel = bed.channel();
    const answer = await bed.server.api('batch', {
      commands: [
        { publish: { channel, data: 1 } },
        { nonsense: {} },
        { publish: { channel } },
        { history: { channel, limit: 10 } },
      ],
    });
    const replies =
      (answer.body as { replies?: Record<string, { offset?: number; code?: number }>[] }).replies ?? [];
    expect(replies.map((reply) => Object.keys(reply)[0])).toEqual(['publish', 'error', 'error', 'history']);
    expect(replies[3]?.['history']?.offset).toBe(1);
  });

  it('[API-9] skips history where told, and still delivers', async () => {
    const channel = bed.channel();
    const subscription = (await bed.client()).newSubscription(channel);
    await subscribed(subscription);
    const got = nextEvent<{ data: unknown }>(subscription, 'publication');
    await bed.publish(channel, { passing: true }, { skip_history: true });
    expect((await got).data).toEqual({ passing: true });
    expect(await bed.api('history', { channel, limit: 10 })).toMatchObject({ publications: [] });
  });

  it('[API-6] says what is wrong, with a code and the field', async () => {
    const wrong: [string, object | string, number, RegExp][] = [
      ['publish', {}, 400, /channel/],
      ['publish', { channel: 'x' }, 200, /data/],
      ['publish', { channel: 5, data: 1 }, 400, /channel/],
      ['history', { channel: 'x', limit: 'many' }, 400, /limit/],
      ['map_publish', { channel: 'streamless:x', data: 1 }, 400, /key/],
      ['disconnect', {}, 200, /user or client/],
      ['no_such_method', {}, 404, /method/],
    ];
    for (const [method, body, status, message] of wrong) {
      const answer: ApiAnswer = await bed.server.api(method, body as object);
      expect(answer.status, `${method} ${JSON.stringify(body)}: ${answer.text}`).toBe(status);
      expect(answer.body.error?.code).toBeGreaterThanOrEqual(100);
      expect(answer.body.error?.message).toMatch(message);
    }
    const raw = await fetch(`${bed.server.url}/api/publish`, {
      method: 'POST',
      headers: { 'x-api-key': bed.server.apiKey },
      body: '{"channel":',
    });
    expect(raw.status).toBe(400);
    expect(await raw.json()).toMatchObject({ error: { code: 107 } });
  });

  it('[API-6] a body that is too large or too deep is refused, and the server goes on', async () => {
    const post = (body: string): Promise<Response> =>
      fetch(`${bed.server.url}/api/publish`, {
        method: 'POST',
        headers: { 'x-api-key': bed.server.apiKey },
        body,
      });
    expect((await post(JSON.stringify({ channel: 'x', data: 'x'.repeat(100_000) }))).status).toBe(413);
    expect((await post(`{"channel":"x","data":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)).status).toBe(
      400,
    );
    await until('it goes on', async () => (await fetch(`${bed.server.url}/health/ready`)).ok);
  });
});

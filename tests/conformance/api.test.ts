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

  it('[API-10] the key decides, not the body: another body under it changes nothing and gets the first answer', async () => {
    const channel = bed.channel();
    const first = await bed.publish(channel, { n: 1 }, { idempotency_key: 'k' });
    expect(await bed.publish(channel, { n: 'other' }, { idempotency_key: 'k', tags: { t: '1' } })).toEqual(
      first,
    );
    expect(await bed.api('history', { channel, limit: 10 })).toMatchObject({
      publications: [{ data: { n: 1 }, offset: 1 }],
      offset: 1,
    });
  });

  it('[API-10] in a broadcast each channel has its own keys', async () => {
    const [known, fresh] = [bed.channel(), bed.channel()];
    const first = await bed.publish(known, 1, { idempotency_key: 'k' });
    const again = { channels: [known, fresh], data: 2, idempotency_key: 'k' };
    const { responses } = (await bed.api('broadcast', again)) as { responses: { result: Published }[] };
    expect(responses[0]?.result).toEqual(first);
    expect(responses[1]?.result.offset).toBe(1);
    expect(await bed.api('broadcast', again)).toEqual({ responses });
    for (const [channel, data] of [
      [known, 1],
      [fresh, 2],
    ])
      expect(await bed.api('history', { channel, limit: 10 })).toMatchObject({
        publications: [{ data }],
        offset: 1,
      });
  });

  it('[API-10] writing and removing entries of a map share the keys of their channel', async () => {
    const channel = bed.channel('positioned');
    const first = await bed.mapPublish(channel, 'a', 1, { idempotency_key: 'k' });
    expect(await bed.mapPublish(channel, 'a', 2, { idempotency_key: 'k' })).toEqual(first);
    expect(await bed.api('map_remove', { channel, key: 'a', idempotency_key: 'k' })).toEqual(first);
    const removed = await bed.api('map_remove', { channel, key: 'a', idempotency_key: 'gone' });
    await bed.mapPublish(channel, 'a', 3);
    expect(await bed.api('map_remove', { channel, key: 'a', idempotency_key: 'gone' })).toEqual(removed);
    expect(await bed.api('map_state', { channel })).toMatchObject({ entries: [{ key: 'a', data: 3 }] });
  });

  it('[API-10] a write whose condition did not hold is not remembered: it may be tried again', async () => {
    const channel = bed.channel('positioned');
    await bed.mapPublish(channel, 'a', 1);
    const absent = { expect: 'absent', idempotency_key: 'k' };
    expect(await bed.mapPublish(channel, 'a', 2, absent)).toMatchObject({ applied: false });
    await bed.api('map_remove', { channel, key: 'a' });
    expect(await bed.mapPublish(channel, 'a', 2, absent)).toMatchObject({ applied: true });
  });

  it('[API-10] inside a batch too, one after another and at once', async () => {
    for (const parallel of [false, true]) {
      const channel = bed.channel();
      const command = { publish: { channel, data: 1, idempotency_key: 'k' } };
      const { body } = await bed.server.api('batch', { commands: [command, command, command], parallel });
      const { replies } = body as unknown as { replies: { publish: Published }[] };
      expect(replies.map(({ publish }) => publish.offset)).toEqual([1, 1, 1]);
      expect((await bed.api('history', { channel, limit: 10 }))['offset']).toBe(1);
    }
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
      incomplete: [],
    });
    const { connections } = (await bed.api('connections', { user })) as {
      connections: Record<string, { user: string; app_name: string; app_version: string }>;
    };
    expect(Object.values(connections)).toMatchObject([{ user, app_name: 'app', app_version: '1.2' }]);
    expect((await bed.api('info', {}))['nodes']).toHaveLength(1);
  });

  it('[API-16] a subscription made by the server carries its data and info, and ends at its time', async () => {
    const channel = bed.channel('joins');
    const user = `user_${channel}`;
    const client = await bed.client({ token: await signToken({ sub: user }, SECRET) });
    const begun = nextEvent<{ channel: string; data: unknown }>(client, 'subscribed');
    const expireAt = Math.floor(Date.now() / 1_000);
    await bed.api('subscribe', {
      channel,
      user,
      data: { welcome: 1 },
      info: { seat: 5 },
      expire_at: expireAt,
    });
    expect(await begun).toMatchObject({ channel, data: { welcome: 1 } });
    const { presence } = (await bed.api('presence', { channel })) as { presence: object };
    expect(Object.values(presence)).toMatchObject([{ user, chan_info: { seat: 5 } }]);
    expect((await nextEvent<{ channel: string }>(client, 'unsubscribed')).channel).toBe(channel);
    expect(client.state).toBe('connected');
  });

  it('[API-16] a disconnect spares the clients of its white list', async () => {
    const user = `spared_${process.pid}`;
    const token = await signToken({ sub: user }, SECRET);
    const [stays, goes] = [await bed.client({ token, name: 'stays' }), await bed.client({ token })];
    const { connections } = (await bed.api('connections', { user })) as {
      connections: Record<string, { app_name: string }>;
    };
    const spared = Object.keys(connections).filter((id) => connections[id]?.app_name === 'stays');
    const gone = nextEvent(goes, 'disconnected');
    expect(await bed.api('disconnect', { user, whitelist: spared })).toEqual({ num_clients: 1 });
    await gone;
    expect(stays.state).toBe('connected');
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
      ['publish', { channel: 'x' }, 400, /data/],
      ['publish', { channel: 'streamless:x', data: 1 }, 400, /map/],
      ['map_publish', { channel: 'x', key: 'k', data: 1 }, 400, /map/],
      ['publish', { channel: 5, data: 1 }, 400, /channel/],
      ['history', { channel: 'x', limit: 'many' }, 400, /limit/],
      ['map_publish', { channel: 'streamless:x', data: 1 }, 400, /key/],
      ['disconnect', {}, 400, /user or client/],
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

  it('[API-21] a channel of no namespace is told so, in the same words to every key', async () => {
    const bodies: readonly [string, object][] = [
      ['publish', { data: 1 }],
      ['history', {}],
      ['presence', {}],
      ['subscribe', { user: 'nobody' }],
      ['map_state', {}],
    ];
    for (const [method, body] of bodies) {
      const ask = (key: string): Promise<ApiAnswer> =>
        bed.server.api(method, { channel: 'no_such_namespace:x', ...body }, { 'x-api-key': key });
      const [ours, theirs] = [await ask(bed.server.apiKey), await ask('other-api-key')];
      expect(ours).toMatchObject({ status: 200, body: { error: { code: 102 } } });
      expect(theirs.text).toBe(ours.text);
    }
  });

  it("[API-26] another org's channels, clients and keys are answered like those that are not there", async () => {
    const channel = bed.channel();
    const map = bed.channel('positioned');
    const client = await bed.client({ token: await signToken({ sub: 'ada' }, SECRET) });
    const subscription = client.newSubscription(channel);
    await subscribed(subscription);
    await bed.publish(channel, { n: 1 }, { idempotency_key: 'shared' });
    await bed.mapPublish(map, 'k', 1);
    const { connections } = (await bed.api('connections', { user: 'ada' })) as { connections: object };
    const [id = ''] = Object.keys(connections);
    const ask = async (method: string, body: object): Promise<string> => {
      const { status, text } = await bed.server.api(method, body, { 'x-api-key': 'other-api-key' });
      // An epoch is made where none was, and is random.
      return `${status} ${text.replace(/"epoch":"[^"]*"/g, '')}`;
    };
    const nowhere = bed.channel();
    for (const method of ['presence', 'presence_stats', 'history', 'history_remove'])
      expect(await ask(method, { channel, limit: 10 })).toBe(
        await ask(method, { channel: nowhere, limit: 10 }),
      );
    expect(await ask('map_state', { channel: map })).toBe(
      await ask('map_state', { channel: bed.channel('positioned') }),
    );
    for (const method of ['connections', 'disconnect', 'refresh', 'events'])
      expect(await ask(method, { client: id })).toBe(await ask(method, { client: 'nobody' }));
    for (const method of ['subscribe', 'unsubscribe'])
      expect(await ask(method, { channel, client: id })).toBe(
        await ask(method, { channel, client: 'nobody' }),
      );
    expect(await ask('channels', { pattern: channel })).toBe(
      '200 {"result":{"channels":{},"incomplete":[]}}',
    );
    // The same idempotency key is another one there.
    expect(await ask('publish', { channel, data: 2, idempotency_key: 'shared' })).toContain('"offset":1');
    expect(await bed.api('history', { channel, limit: 10 })).toMatchObject({
      publications: [{ data: { n: 1 } }],
      offset: 1,
    });
    expect(client.state).toBe('connected');
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

import type { NodeContract, NodeStatsSample } from '@trunkline/contracts/node';
import { defineContract } from '@trunkline/contracts';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import type { Client } from './client.js';
import type { DataOf, IdempotentMethodOf, MethodOf, NameOf, Untyped } from './contract-types.js';
import type { OfflineQueue } from './offline/queue.js';

const chat = defineContract({
  id: 'chat',
  errors: {},
  rpc: {
    'chat.say': { summary: '', params: z.object({ text: z.string() }), result: z.object({ id: z.number() }) },
    'chat.keep': {
      summary: '',
      idempotent: true,
      params: z.object({ text: z.string() }),
      result: z.object({ id: z.number() }),
    },
  },
  channels: {
    events: {
      pattern: 'chat:{room}:events',
      type: 'stream',
      data: z.object({ said: z.string() }),
      summary: '',
    },
    cursors: { pattern: 'cursors:{room}', type: 'map', data: z.object({ x: z.number() }), summary: '' },
  },
});
type Both = NodeContract | typeof chat;

/** Never called: what compiles is the test (the type check of the tests runs over it). */
export function compiles(client: Client<Both>, untyped: Client<Untyped>): void {
  void client.rpc('chat.say', { text: 'hello' }).then(({ id }) => id.toFixed());
  void client.rpc('node.info', {}).then(({ nodeId }) => nodeId.length);
  // @ts-expect-error no such method
  void client.rpc('chat.shout', { text: 'hello' });
  // @ts-expect-error a wrong field
  void client.rpc('chat.say', { txt: 'hello' });
  // @ts-expect-error a wrong type
  void client.rpc('chat.say', { text: 1 });
  // @ts-expect-error params of another method
  void client.rpc('chat.say', { channel: 'x' });
  // @ts-expect-error the result has no such field
  void client.rpc('chat.say', { text: 'hello' }).then(({ name }) => name);

  client.stream('node:stats', { onPublication: ({ data }) => data.connections.toFixed() });
  client.stream('chat:42:events', { onPublication: ({ data }) => data.said.length });
  // @ts-expect-error not what the channel carries
  client.stream('chat:42:events', { onPublication: ({ data }) => data.x });
  void client.publish('chat:42:events', { said: 'hello' });
  // @ts-expect-error not what the channel carries
  void client.publish('chat:42:events', { text: 'hello' });
  void client.publish('my-own:channel', { anything: true });

  const cursors = client.map('cursors:1');
  void cursors.set('me', { x: 1 });
  // @ts-expect-error not what the map holds
  void cursors.set('me', { y: 1 });
  client.channelState('chat:42:events', {
    getState: () => Promise.resolve({ state: 0, position: { epoch: '', offset: 0 } }),
    reduce: (count, { data }) => count + data.said.length,
  });

  void untyped.rpc('anything', { at: 'all' }).then((result) => expectTypeOf(result).toEqualTypeOf<unknown>());
  untyped.stream('any', { onPublication: ({ data }) => expectTypeOf(data).toEqualTypeOf<unknown>() });
}

/** Likewise. */
export function queues(queue: OfflineQueue<Both>, untyped: OfflineQueue<Untyped>): void {
  void queue.run('chat.keep', { text: 'hello' }).then(({ result }) => result.id.toFixed());
  // @ts-expect-error not marked as idempotent
  void queue.add('chat.say', { text: 'hello' });
  // @ts-expect-error a wrong field
  void queue.add('chat.keep', { txt: 'hello' });
  void untyped.add('anything', { at: 'all' });
}

describe('types from contracts', () => {
  it('[CLIENT-20] patterns become names, names become payloads', () => {
    expectTypeOf<NameOf<'chat:{room}:events'>>().toEqualTypeOf<`chat:${string}:events`>();
    expectTypeOf<NameOf<'node:stats'>>().toEqualTypeOf<'node:stats'>();
    expectTypeOf<DataOf<Both, 'node:stats', 'stream'>>().toEqualTypeOf<NodeStatsSample>();
    expectTypeOf<DataOf<Both, 'cursors:1', 'map'>>().toEqualTypeOf<{ x: number }>();
    expectTypeOf<DataOf<Both, 'cursors:1', 'stream'>>().toEqualTypeOf<unknown>();
    expectTypeOf<DataOf<Untyped, 'node:stats', 'stream'>>().toEqualTypeOf<unknown>();
    expectTypeOf<MethodOf<typeof chat>>().toEqualTypeOf<'chat.say' | 'chat.keep'>();
    expectTypeOf<IdempotentMethodOf<Both>>().toEqualTypeOf<'chat.keep'>();
    expectTypeOf<IdempotentMethodOf<Untyped>>().toEqualTypeOf<string>();
    expectTypeOf<MethodOf<Untyped>>().toEqualTypeOf<string>();
  });
});

/** What holds between nodes of one engine. Tried where the fixture has `makePeer`. */
import { expect } from 'vitest';
import { ANN, KEPT, NEWS, UNKEPT, type Rule } from './fixture.js';

export const PEER_RULES: Readonly<Record<string, Rule>> = {
  '[BROKER-11] delivers to every subscribed node in the order of offsets': async ({
    broker,
    heard,
    peer,
    eventually,
  }) => {
    const other = await peer();
    await broker.subscribe(NEWS);
    await other.broker.subscribe(NEWS);
    const calls = [];
    for (let turn = 0; turn < 20; turn++) {
      calls.push(broker.publish(NEWS, `"a${turn}"`, { ...KEPT, historySize: 100 }));
      calls.push(other.broker.publish(NEWS, `"b${turn}"`, { ...KEPT, historySize: 100 }));
    }
    await Promise.all(calls);
    const expected = Array.from({ length: 40 }, (_, index) => index + 1);
    await eventually(() => expect(other.heard.offsets(NEWS)).toEqual(expected));
    await eventually(() => expect(heard.offsets(NEWS)).toEqual(expected));
    expect(heard.data(NEWS)).toEqual(other.heard.data(NEWS));
  },

  '[BROKER-11] delivers only to the nodes that listen': async ({ broker, heard, peer, eventually }) => {
    const other = await peer();
    await other.broker.subscribe(NEWS);
    await broker.publish(NEWS, '1', UNKEPT);
    await broker.publishJoin(NEWS, ANN);
    await broker.carry(NEWS, { offset: 7, data: '2' }, 'e');
    await eventually(() => expect(other.heard.data(NEWS)).toEqual(['1', '2']));
    await eventually(() => expect(other.heard.presence).toEqual([{ change: 'join', key: NEWS, info: ANN }]));
    expect(heard.publications).toEqual([]);
    expect(heard.presence).toEqual([]);
  },

  '[BROKER-9] sends control messages to the other nodes': async ({ broker, heard, peer, eventually }) => {
    const second = await peer();
    const third = await peer();
    await broker.sendControl('{"drain":1}');
    await eventually(() => expect(second.heard.control).toEqual(['{"drain":1}']));
    await eventually(() => expect(third.heard.control).toEqual(['{"drain":1}']));
    expect(heard.control).toEqual([]);
  },

  '[BROKER-13] sends a control message to one node alone, after what was sent before': async ({
    broker,
    heard,
    peer,
    eventually,
  }) => {
    const second = await peer();
    const third = await peer();
    expect(new Set([broker, second.broker, third.broker].map(({ address }) => address)).size).toBe(3);
    const sent = Array.from({ length: 20 }, (_, index) => `{"n":${index}}`);
    await Promise.all(sent.map((text) => broker.sendControl(text, second.broker.address)));
    await broker.sendControl('{"to":"nobody"}', 'an address of nobody');
    await broker.sendControl('{"to":"all"}');
    await eventually(() => expect(second.heard.control).toEqual([...sent, '{"to":"all"}']));
    await eventually(() => expect(third.heard.control).toEqual(['{"to":"all"}']));
    expect(heard.control).toEqual([]);
  },

  '[BROKER-12] nodes share history, presence, maps and idempotency': async ({ broker, peer }) => {
    const other = await peer();
    const first = await broker.publish(NEWS, '1', { ...KEPT, idempotencyKey: 'k' });
    expect(await other.broker.publish(NEWS, '1', { ...KEPT, idempotencyKey: 'k' })).toEqual({
      position: first.position,
      deduplicated: true,
    });
    expect(
      (await other.broker.history(NEWS, { limit: 10, reverse: false }, 1_000)).publications,
    ).toHaveLength(1);
    await broker.addPresence(NEWS, 'c1', ANN, 60_000);
    expect([...(await other.broker.presence(NEWS)).keys()]).toEqual(['c1']);
  },

  '[BROKER-12] a node that goes leaves the others and what is kept': async ({
    broker,
    heard,
    peer,
    eventually,
  }) => {
    const other = await peer();
    await other.broker.subscribe(NEWS);
    await broker.subscribe(NEWS);
    await broker.publish(NEWS, '1', KEPT);
    await broker.dispose();
    await other.broker.publish(NEWS, '2', KEPT);
    await eventually(() => expect(other.heard.offsets(NEWS)).toEqual([1, 2]));
    expect(heard.offsets(NEWS)).toEqual([1]);
  },
};

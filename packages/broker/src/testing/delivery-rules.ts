/** Who hears what, and in which order. */
import { expect } from 'vitest';
import { ANN, BOB, FOREIGN, KEPT, NEWS, OTHER, UNKEPT, type Rule } from './fixture.js';

export const DELIVERY_RULES: Readonly<Record<string, Rule>> = {
  '[BROKER-1] numbers publications of a channel with history from 1 without holes, in one epoch': async ({
    broker,
    heard,
  }) => {
    await broker.subscribe(NEWS);
    const outcomes = [];
    for (const data of ['"a"', '"b"', '"c"']) outcomes.push(await broker.publish(NEWS, data, KEPT));
    expect(outcomes.map(({ position }) => position.offset)).toEqual([1, 2, 3]);
    const epochs = new Set(outcomes.map(({ position }) => position.epoch));
    expect(epochs.size).toBe(1);
    expect([...epochs][0]).not.toBe('');
    expect(heard.offsets(NEWS)).toEqual([1, 2, 3]);
    expect(new Set(heard.publications.map(({ epoch }) => epoch))).toEqual(epochs);
  },

  '[BROKER-2] does not number a publication without history': async ({ broker, heard }) => {
    await broker.subscribe(NEWS);
    expect(await broker.publish(NEWS, '1', UNKEPT)).toEqual({
      position: { epoch: '', offset: 0 },
      deduplicated: false,
    });
    expect(heard.publications).toHaveLength(1);
    expect(heard.publications[0]).toMatchObject({ publication: { offset: 0, data: '1' }, epoch: '' });
  },

  '[BROKER-3] has delivered on the publishing node when publish resolves': async ({ broker, heard }) => {
    await broker.subscribe(NEWS);
    await broker.publish(NEWS, '"now"', KEPT);
    expect(heard.data(NEWS)).toEqual(['"now"']);
    await broker.publish(NEWS, '"then"', UNKEPT);
    expect(heard.data(NEWS)).toEqual(['"now"', '"then"']);
  },

  '[BROKER-4] delivers data, tags and info as they were given, with the time of acceptance': async ({
    broker,
    heard,
  }) => {
    await broker.subscribe(NEWS);
    const bytes = new Uint8Array([0, 255, 10, 128]);
    await broker.publish(NEWS, '{"text":"žluť \\u0000 \u2028"}', {
      ...KEPT,
      tags: { kind: 'x', __proto__x: 'y' },
      info: ANN,
    });
    await broker.publish(NEWS, bytes, KEPT);
    const [first, second] = heard.publications.map(({ publication }) => publication);
    expect(first).toMatchObject({
      data: '{"text":"žluť \\u0000 \u2028"}',
      tags: { kind: 'x', __proto__x: 'y' },
      info: ANN,
    });
    expect(first?.timeMs).toBeGreaterThan(0);
    expect([...(second?.data as Uint8Array)]).toEqual([...bytes]);
    expect(second).not.toHaveProperty('tags');
    expect(second).not.toHaveProperty('info');
  },

  '[BROKER-5] delivers to subscribed channels only': async ({ broker, heard }) => {
    await broker.publish(NEWS, '"before"', KEPT);
    await broker.subscribe(NEWS);
    await broker.publish(NEWS, '"during"', KEPT);
    await broker.publish(OTHER, '"elsewhere"', KEPT);
    await broker.unsubscribe(NEWS);
    await broker.publish(NEWS, '"after"', KEPT);
    expect(heard.publications.map(({ publication }) => publication.data)).toEqual(['"during"']);
  },

  '[BROKER-5] keeps the same name in two orgs apart': async ({ broker, heard }) => {
    await broker.subscribe(NEWS);
    await broker.publish(FOREIGN, '"theirs"', KEPT);
    await broker.publish(NEWS, '"ours"', KEPT);
    expect(heard.data(NEWS)).toEqual(['"ours"']);
    expect(heard.publications).toHaveLength(1);
    expect((await broker.history(FOREIGN, { limit: 10, reverse: false }, 1_000)).publications).toHaveLength(
      1,
    );
  },

  '[BROKER-6] a repeated subscribe delivers once, one unsubscribe ends it': async ({ broker, heard }) => {
    await broker.subscribe(NEWS);
    await broker.subscribe(NEWS);
    await broker.publish(NEWS, '1', KEPT);
    await broker.unsubscribe(NEWS);
    await broker.unsubscribe(NEWS);
    await broker.publish(NEWS, '2', KEPT);
    expect(heard.data(NEWS)).toEqual(['1']);
  },

  '[BROKER-7] carries a publication that is numbered already, unchanged and without keeping it': async ({
    broker,
    heard,
  }) => {
    await broker.subscribe(NEWS);
    const publication = {
      offset: 41,
      data: '{"durable":true}',
      tags: { a: 'b' },
      info: BOB,
      timeMs: 1_234,
      key: 'k',
      removed: true,
    };
    await broker.carry(NEWS, publication, 'their-epoch');
    expect(heard.publications).toHaveLength(1);
    expect(heard.publications[0]).toMatchObject({ key: NEWS, publication, epoch: 'their-epoch' });
    const { publications, position } = await broker.history(NEWS, { limit: 10, reverse: false }, 1_000);
    expect(publications).toEqual([]);
    expect(position.offset).toBe(0);
  },

  '[BROKER-8] tells subscribed nodes of joins and leaves': async ({ broker, heard }) => {
    await broker.publishJoin(NEWS, BOB);
    await broker.subscribe(NEWS);
    await broker.publishJoin(NEWS, ANN);
    await broker.publishLeave(NEWS, ANN);
    await broker.publishLeave(OTHER, ANN);
    expect(heard.presence).toEqual([
      { change: 'join', key: NEWS, info: ANN },
      { change: 'leave', key: NEWS, info: ANN },
    ]);
  },

  '[BROKER-9] sends no control message back to its sender': async ({ broker, heard }) => {
    await broker.sendControl('hello');
    expect(heard.control).toEqual([]);
  },

  '[BROKER-10] refuses calls after dispose, which may be called twice': async ({ broker, heard }) => {
    await broker.subscribe(NEWS);
    await broker.dispose();
    await broker.dispose();
    await expect(broker.publish(NEWS, '1', KEPT)).rejects.toMatchObject({ code: 1005 });
    await expect(broker.history(NEWS, { limit: 1, reverse: false }, 1_000)).rejects.toMatchObject({
      code: 1005,
    });
    await expect(broker.subscribe(NEWS)).rejects.toMatchObject({ code: 1005 });
    await expect(broker.unsubscribe(NEWS)).resolves.toBeUndefined();
    expect(heard.publications).toEqual([]);
  },
};

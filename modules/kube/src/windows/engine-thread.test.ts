/** The engine in a real thread, from the package's build: the one test here that needs `npx tsc -b` first, and says so. */
import { silentLogger } from '@trunkline/base';
import { describe, expect, it } from 'vitest';
import type { EnginePort } from './engine-port.js';
import { startEngineThread } from './engine-thread.js';
import type { FromEngine } from './messages.js';
import { pod, toObject } from './testing/bed.js';

const PODS = { group: '', resource: 'pods', namespaced: true };

/** A port, what came out of it, and a wait for what must come. */
function begin() {
  const messages: FromEngine[] = [];
  const ends: string[] = [];
  let heard: () => void = () => undefined;
  const port: EnginePort = startEngineThread(
    { logger: silentLogger },
    64,
  )({
    onMessage: (message) => {
      messages.push(message);
      heard();
    },
    onEnd: (reason) => {
      ends.push(reason);
      heard();
    },
  });
  const until = async <T>(find: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      // The thread does not keep the process alive; the test does.
      await new Promise<void>((resolve) => {
        const awake = setInterval(() => undefined, 1_000);
        heard = () => {
          clearInterval(awake);
          resolve();
        };
      });
    }
  };
  const ofKind = <K extends FromEngine['kind']>(kind: K) =>
    until(() => {
      if (ends[0] !== undefined) throw new Error(ends[0]);
      const at = messages.findIndex((message) => message.kind === kind);
      return at < 0 ? undefined : (messages.splice(at, 1)[0] as FromEngine & { kind: K });
    });
  return { port, ends, until, ofKind };
}

describe('the engine in a thread', () => {
  it('[KWIN-18] objects go over as bytes that are given away, rows come back', async () => {
    const { port, ofKind } = begin();
    port.post({ kind: 'table', table: 1, cluster: 'one', rows: PODS });
    const query = {
      filter: [],
      words: [],
      sort: [],
      offset: 0,
      limit: 2,
      fields: ['spec'],
      clusterColumn: false,
      printed: [],
    };
    port.post({ kind: 'open', window: 1, tables: [1], query });
    expect(await ofKind('want')).toEqual({ kind: 'want', table: 1 });
    const objects = ['c', 'a', 'b'].map((name) => toObject(pod({ name })).json);
    const bytes = new Uint8Array(objects.reduce((sum, { length }) => sum + length, 0));
    objects.reduce((at, json) => (bytes.set(json, at), at + json.length), 0);
    const lengths = Uint32Array.from(objects, ({ length }) => length);
    const buffer = bytes.buffer as ArrayBuffer;
    port.post(
      { kind: 'part', table: 1, full: true, first: true, last: { state: 'live' }, bytes, lengths, gone: [] },
      [buffer],
    );
    expect(buffer.byteLength).toBe(0);
    await ofKind('done');
    expect((await ofKind('published')).items).toMatchObject([{ window: 1 }]);
    port.post({ kind: 'rows', window: 1, request: 9 });
    const { state } = await ofKind('rows');
    expect(JSON.parse(state ?? '')).toMatchObject({
      total: 3,
      rows: [{ id: 'one/default/a', object: { spec: { nodeName: 'n1' } } }, { id: 'one/default/b' }],
    });
    await port.dispose();
  });

  it('[KWIN-15] an engine that fails ends alone, and says so once', async () => {
    const { port, ends, until } = begin();
    port.post({
      kind: 'open',
      window: 1,
      tables: [7],
      query: {
        filter: [],
        words: [],
        sort: [],
        offset: 0,
        limit: 1,
        fields: undefined,
        clusterColumn: false,
        printed: [],
      },
    });
    expect(await until(() => ends[0])).toContain('without its tables');
    await port.dispose();
    expect(ends).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { readReplies } from './embedded/replies.js';
import { encodePipeline, forgetFailed, StatementCache } from './wire.js';

/** The kinds of messages in a pipeline, with the statement names of Parse, Bind and Close. */
function kinds(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes);
  const found: string[] = [];
  for (let at = 0; at < buffer.length; at += 1 + buffer.readInt32BE(at + 1)) {
    const kind = String.fromCharCode(buffer[at] ?? 0);
    const text = (from: number): string => buffer.toString('utf8', from, buffer.indexOf(0, from));
    if (kind === 'P') found.push(`P:${text(at + 5)}`);
    else if (kind === 'B') found.push(`B:${text(at + 6)}`);
    else if (kind === 'C') found.push(`C:${text(at + 6)}`);
    else found.push(kind);
  }
  return found;
}

const message = (kind: string, body: Uint8Array | string = ''): Buffer => {
  const content = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(kind);
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
};

const READY = message('Z', 'I');

describe('pipelines', () => {
  it('[STORE-2] are one message with one Sync at its end', () => {
    const cache = new StatementCache();
    expect(
      kinds(encodePipeline([{ sql: 'A' }, { sql: 'B', parameters: [1, null, Uint8Array.of(1)] }], cache)),
    ).toEqual([...['P:', 'B:', 'D', 'E', 'P:', 'B:', 'D', 'E', 'S']]);
  });

  it('[STORE-18] what is sent a second time gets a name, and is not parsed a third time', () => {
    const cache = new StatementCache();
    const send = (): string[] => kinds(encodePipeline([{ sql: 'A' }], cache)).slice(0, -3);
    expect([send(), send(), send()]).toEqual([['P:', 'B:'], ['P:s0', 'B:s0'], ['B:s0']]);
  });

  it('[STORE-18] what failed is prepared anew under another name, and the doubtful one is closed', () => {
    const cache = new StatementCache();
    const steps = [{ sql: 'A' }, { sql: 'B' }, { sql: 'C' }];
    for (let turn = 0; turn < 2; turn++) encodePipeline(steps, cache);
    forgetFailed(cache, steps, {
      results: [{ rows: [], count: 0 }],
      failure: { sqlState: '42601', message: 'B' },
    });
    encodePipeline([], cache);
    const next = (): string[] =>
      kinds(encodePipeline(steps, cache)).filter((kind) => !['D', 'E', 'S'].includes(kind));
    expect(next()).toEqual(['B:s0', 'P:', 'B:', 'P:', 'B:']);
    expect(next()).toEqual(['B:s0', 'P:s3', 'B:s3', 'P:s4', 'B:s4']);
    forgetFailed(cache, steps, { results: [], failure: { sqlState: '42601', message: 'A' } });
    expect(next().slice(0, 3)).toEqual(['C:s0', 'C:s3', 'C:s4']);
  });

  it('[STORE-18] the number of names is bounded: the least used are closed', () => {
    const cache = new StatementCache();
    const closed: string[] = [];
    for (let turn = 0; turn < 2; turn++)
      for (let text = 0; text < 256; text++) encodePipeline([{ sql: `Q${text}` }], cache);
    for (let text = 0; text < 3; text++)
      closed.push(
        ...kinds(encodePipeline([{ sql: `new ${text}` }], cache)).filter((kind) => kind.startsWith('C')),
      );
    closed.push(...kinds(encodePipeline([], cache)).filter((kind) => kind.startsWith('C')));
    expect(closed).toEqual(['C:s0', 'C:s1', 'C:s2']);
  });

  it('[STORE-2] text with a NUL character is never sent', () => {
    expect(() => encodePipeline([{ sql: 'SELECT \u0000' }], new StatementCache())).toThrow(TypeError);
  });
});

describe('answers', () => {
  it('[STORE-1] are read up to the first failure', () => {
    const error = Buffer.from('SERROR\0C23505\0Mduplicate\0nmy_key\0DKey\0\0');
    const run = readReplies(
      Buffer.concat([
        message('1'),
        message('C', 'INSERT 0 3\0'),
        message('C', 'BEGIN\0'),
        message('E', error),
        message('Z', 'E'),
      ]),
    );
    expect(run).toEqual({
      results: [
        { rows: [], count: 3 },
        { rows: [], count: 0 },
      ],
      failure: { sqlState: '23505', message: 'duplicate', constraint: 'my_key', detail: 'Key' },
      inTransaction: true,
    });
  });

  it('[STORE-16] after a result that was cut off nothing counts', () => {
    const run = readReplies(Buffer.concat([message('s'), message('C', 'SELECT 1\0'), READY]));
    expect(run).toMatchObject({ results: [], failure: { sqlState: 'TL001' }, inTransaction: false });
  });

  it('[STORE-73] an answer that stops before its end is no answer', () => {
    expect(() => readReplies(message('C', 'SELECT 1\0'))).toThrow('did not finish');
    expect(() => readReplies(new Uint8Array(0))).toThrow('did not finish');
  });
});

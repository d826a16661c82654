import { describe, expect, test } from 'vitest';
import { callApi, post } from './api.js';
import { resolveSettings } from './settings.js';
import { createFakeIo, type FakeAnswer } from './testing.js';

const settings = resolveSettings(createFakeIo(), { url: 'http://a:1', apiKey: 'k', org: 'acme' });
const answering = (answer: FakeAnswer) => createFakeIo({ answer: () => answer });

describe('the HTTP API', () => {
  test('[CLI-2] a call carries the key and the org, and gives the result', async () => {
    const io = answering({ body: { result: { offset: 3, epoch: 'e' } } });
    expect(await callApi(io, settings, 'publish', { channel: 'c', data: 1 })).toEqual({
      offset: 3,
      epoch: 'e',
    });
    expect(io.requests).toEqual([
      {
        url: 'http://a:1/api/publish',
        headers: { 'content-type': 'application/json', 'x-api-key': 'k', 'x-org': 'acme' },
        body: { channel: 'c', data: 1 },
      },
    ]);
    expect(io.clock.pending).toBe(0);
  });

  test.each([
    [
      'no server',
      new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }),
      'unreachable',
      'no Trunkline server answers at http://a:1 (connection refused)',
    ],
    [
      'a wrong key',
      { status: 401, body: { error: { code: 101, message: 'unauthorized' } } },
      'denied',
      'the server refused: unauthorized (101)',
    ],
    [
      'a denied channel',
      { body: { error: { code: 103, message: 'permission denied' } } },
      'denied',
      'the server refused: permission denied (103)',
    ],
    [
      'an unknown channel',
      { body: { error: { code: 102, message: 'unknown channel' } } },
      'notFound',
      'the server refused: unknown channel (102)',
    ],
    [
      'bad parameters',
      { status: 400, body: { error: { code: 107, message: 'bad request: channel' } } },
      'failure',
      'the server refused: bad request: channel (107)',
    ],
    [
      'another kind of server',
      { status: 404, body: 'hello' },
      'failure',
      'HTTP status 404; is this a Trunkline server?',
    ],
    ['a failing proxy', { status: 502, body: 'bad gateway' }, 'unreachable', 'HTTP status 502'],
  ] as [string, FakeAnswer, string, string][])(
    '[CLI-10] %s has its own exit code and a sentence',
    async (_name, answer, exit, message) => {
      await expect(callApi(answering(answer), settings, 'info', {})).rejects.toMatchObject({
        exit,
        message: expect.stringContaining(message),
      });
    },
  );

  test('[CLI-10] the advice fits where the address came from and whether there was a key', async () => {
    const bare = resolveSettings(createFakeIo(), {});
    await expect(callApi(createFakeIo(), bare, 'info', {})).rejects.toMatchObject({
      advice: expect.stringContaining('the default address'),
    });
    const denied = { status: 401, body: { error: { code: 101, message: 'unauthorized' } } };
    await expect(callApi(answering(denied), bare, 'info', {})).rejects.toMatchObject({
      advice: expect.stringContaining('TRUNKLINE_API_KEY'),
    });
    await expect(callApi(answering(denied), settings, 'info', {})).rejects.toMatchObject({
      advice: expect.stringContaining('Check the key'),
    });
  });

  test('[CLI-7] what may pass is told from what will not', async () => {
    const temporary = async (answer: FakeAnswer): Promise<boolean | undefined> => {
      const outcome = await post(answering(answer), settings, 'info', {});
      return outcome.kind === 'refused' ? outcome.temporary : undefined;
    };
    expect(
      await temporary({ status: 429, body: { error: { code: 111, message: 'too many requests' } } }),
    ).toBe(true);
    expect(await temporary({ status: 503, body: { error: { code: 1005, message: 'shutting down' } } })).toBe(
      true,
    );
    expect(await temporary({ status: 400, body: { error: { code: 107, message: 'bad request' } } })).toBe(
      false,
    );
  });

  test('[CLI-10] a server that never answers is given up after 30 s', async () => {
    const io = createFakeIo();
    const silent = {
      ...io,
      fetch: (_url: string, { signal }: { signal: AbortSignal }) =>
        new Promise<never>((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('aborted'))),
        ),
    };
    const outcome = post(silent, settings, 'info', {});
    await io.clock.advance(30_000);
    expect(await outcome).toEqual({ kind: 'unreachable', reason: 'no answer within 30 s' });
  });
});

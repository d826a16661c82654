import { connect } from 'node:net';
import { MemoryLogger, settle } from '@trunkline/base/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { document, endpoint, lineCodec, startRig, streaming, type Rig } from './testing.js';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

const error = (text: string): { code: number; message: string } => JSON.parse(text).error;

/** A bare socket that has sent the beginning of a request. */
function rawRequest(port: number, text: string) {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write(text);
  return { socket, closed, received: () => received };
}

/** For what no event of the rig tells. */
async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((resolve) => setImmediate(resolve));
}

describe('opening a stream', () => {
  it('[STREAM-3] the body of a POST is the first frame, and the answer stays open', async () => {
    rig = await startRig(streaming());
    const { stream, accepted } = await rig.stream('/stream', { method: 'POST', body: 'first' });
    await accepted.until(() => accepted.frames.length === 1);
    expect(accepted.frames.map(String)).toEqual(['first']);
    expect(accepted.transport.name).toBe('http_stream');
    expect(stream.status).toBe(200);
    accepted.transport.write([document('a'), document('b')]);
    accepted.transport.write([document('c')]);
    expect(await stream.until((text) => text.includes('c'))).toBe('a\nb\nc\n');
    expect(rig.entrance.connections).toBe(1);
  });

  it('[STREAM-3] a GET brings it in its query, and gets events', async () => {
    rig = await startRig(streaming());
    const { stream, accepted } = await rig.stream('/sse?first=hi');
    expect(accepted.frames).toEqual(['hi']);
    accepted.transport.write([document('a'), document('b')]);
    expect(await stream.until((text) => text.includes('b'))).toBe('data: a\n\ndata: b\n\n');
  });

  it('[STREAM-2] the head forbids to store, compress or hold back what follows', async () => {
    rig = await startRig(streaming());
    for (const [path, method, type] of [
      ['/stream', 'POST', 'application/x-ndjson; charset=utf-8'],
      ['/sse', 'GET', 'text/event-stream; charset=utf-8'],
    ] as const) {
      const { stream } = await rig.stream(path, { method });
      expect(stream.headers).toMatchObject({
        'content-type': type,
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
      });
    }
  });

  it('[STREAM-2] binary documents follow each other without anything between', async () => {
    rig = await startRig(streaming({}, lineCodec(true)));
    const { stream, accepted } = await rig.stream('/stream', { method: 'POST', body: 'x' });
    accepted.transport.write([document('a'), document('b')]);
    expect(await stream.until((text) => text.length === 2)).toBe('ab');
    expect(stream.headers['content-type']).toBe('application/octet-stream');
  });

  it('[STREAM-3] a body above the frame limit is answered 413, told or not told in advance', async () => {
    rig = await startRig(streaming({ maxFrameBytes: 100 }));
    const told = await rig.ask('/stream', { method: 'POST', body: 'x'.repeat(101) });
    expect([told.status, error((await told.ended()).text).code]).toEqual([413, 106]);
    const untold = await rig.ask('/stream', {
      method: 'POST',
      body: 'x'.repeat(101),
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(untold.status).toBe(413);
    expect((await rig.stream('/stream', { method: 'POST', body: 'x'.repeat(100) })).stream.status).toBe(200);
    expect(rig.hub.accepted).toHaveLength(1);
  });

  it('[STREAM-3] a body that stops arriving is answered 408, and its socket dropped', async () => {
    rig = await startRig(streaming(), { bodyTimeoutMs: 1_000, closeTimeoutMs: 500 });
    const raw = rawRequest(rig.port, 'POST /stream HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf');
    while (rig.entrance.connections === 0) await settle();
    await settle();
    await rig.clock.advance(1_000);
    while (!raw.received().includes('408')) await settle();
    await rig.clock.advance(500);
    await raw.closed;
    expect(rig.entrance.connections).toBe(0);
    expect(rig.hub.accepted).toEqual([]);
  });

  it('[STREAM-1] unknown methods and refusals are plain answers', async () => {
    rig = await startRig([
      ...streaming(),
      endpoint(() => ({ kind: 'refuse', status: 400, body: 'no' }), '/no', { transport: 'sse' }),
      endpoint(() => Promise.reject(new Error('broken')), '/broken', { transport: 'sse' }),
      endpoint(() => new Promise(() => undefined), '/late', { transport: 'sse', deadlineMs: 0 }),
    ]);
    const method = await rig.ask('/stream');
    expect([method.status, method.headers.allow]).toEqual([405, 'POST']);
    expect((await rig.ask('/no')).status).toBe(400);
    expect((await rig.ask('/broken')).status).toBe(500);
    const late = rig.ask('/late');
    while (rig.entrance.connections === 0) await settle();
    await rig.clock.advance(1);
    expect((await late).status).toBe(503);
    expect((await rig.ask('/elsewhere')).status).toBe(404);
    expect(await (await rig.ask('/elsewhere')).ended()).toMatchObject({ text: 'not here' });
  });

  it('[WS-5] [WS-6] [WS-7] attempts, connections and the drain bind every way in', async () => {
    rig = await startRig(streaming(), { maxConnections: 1, attemptsPerSecond: 1, attemptsBurst: 3 });
    const { stream, accepted } = await rig.stream();
    expect((await rig.ask('/sse')).status).toBe(503);
    stream.leave();
    await accepted.until(() => accepted.closes.length === 1);
    expect(rig.entrance.connections).toBe(0);
    rig.hub.draining = true;
    const draining = await rig.ask('/sse');
    expect([draining.status, draining.headers['retry-after']]).toEqual([503, '5']);
    expect((await rig.ask('/sse')).status).toBe(429);
  });

  it('[STREAM-1] a transport that is switched off is not there', async () => {
    rig = await startRig([...streaming(), endpoint(() => ({ kind: 'refuse', status: 403, body: '' }))], {
      transports: ['http_stream'],
    });
    expect((await rig.ask('/sse')).status).toBe(404);
    expect((await rig.refused('/ws')).status).toBe(404);
    expect((await rig.stream('/stream', { method: 'POST' })).stream.status).toBe(200);
    await rig.stop();
    rig = await startRig(streaming(), { transports: ['websocket'] });
    expect((await (await rig.ask('/emulation', { method: 'POST' })).ended()).text).toBe('not here');
  });

  it('[WS-8] accept then close: the frames, then the end', async () => {
    rig = await startRig([
      endpoint(
        () => ({ kind: 'acceptThenClose', frames: [document('why')], binary: false, code: 4500, reason: '' }),
        '/sse',
        { transport: 'sse' },
      ),
    ]);
    expect(await (await rig.ask('/sse')).ended()).toEqual({ text: 'data: why\n\n', complete: true });
  });

  it('[WS-9] a hub that throws costs that request only', async () => {
    const logger = new MemoryLogger();
    rig = await startRig(streaming(), {}, { logger });
    rig.hub.failure = new Error('broken');
    expect((await (await rig.ask('/sse')).ended()).complete).toBe(false);
    rig.hub.failure = undefined;
    expect((await rig.stream()).stream.status).toBe(200);
    expect(logger.lines.some(({ level }) => level === 'error')).toBe(true);
  });
});

describe('upstream', () => {
  it('[STREAM-4] frames reach the connection of their session, and no other', async () => {
    rig = await startRig(streaming());
    const [one, two] = [await rig.stream(), await rig.stream()];
    const sessions = [one, two].map(({ accepted }) => accepted.transport.session ?? '');
    expect(new Set(sessions).size).toBe(2);
    for (const session of sessions) expect(session).toMatch(/^[0-9A-Za-z]{32}$/);
    expect((await rig.upstream(sessions[1], 'to two')).status).toBe(204);
    expect(one.accepted.frames).toEqual(['hello']);
    expect(two.accepted.frames).toEqual(['hello', 'to two']);
  });

  it('[STREAM-4] [STREAM-10] unknown sessions, other nodes and ended streams are answered 404', async () => {
    rig = await startRig(streaming());
    const { stream, accepted } = await rig.stream();
    const { session } = accepted.transport;
    const unknown = await rig.upstream('x'.repeat(32), 'a');
    expect([unknown.status, error((await unknown.ended()).text).code]).toEqual([404, 1004]);
    expect((await rig.upstream(session, 'a', { node: 'other' })).status).toBe(404);
    expect((await rig.upstream(session, 'a', { node: '' })).status).toBe(204);
    stream.leave();
    await accepted.until(() => accepted.closes.length === 1);
    expect((await rig.upstream(session, 'a')).status).toBe(404);
  });

  it('[STREAM-4] where this side ended the stream, requests under way are not told that it never was', async () => {
    rig = await startRig(streaming(), { closeTimeoutMs: 1_000 });
    const { stream, accepted } = await rig.stream();
    accepted.transport.close(3503, 'bye');
    await stream.ended();
    await accepted.until(() => accepted.closes.length === 1);
    expect((await rig.upstream(accepted.transport.session, 'late')).status).toBe(204);
    expect(accepted.frames).toEqual(['hello']);
    await rig.clock.advance(1_000);
    expect((await rig.upstream(accepted.transport.session, 'late')).status).toBe(404);
  });

  it('[STREAM-4] guesses count as attempts', async () => {
    rig = await startRig(streaming(), { attemptsPerSecond: 1, attemptsBurst: 2 });
    const statuses: number[] = [];
    for (let n = 0; n < 3; n++) statuses.push((await rig.upstream('guess', '')).status);
    expect(statuses).toEqual([404, 404, 429]);
  });

  it('[STREAM-5] what cannot be read is answered 400, other methods 405, too many bytes 413', async () => {
    rig = await startRig(streaming({ maxFrameBytes: 20 }), { upstreamBodyMaxBytes: 200 });
    const { accepted } = await rig.stream();
    const post = (body: string) => rig?.ask('/emulation', { method: 'POST', body });
    expect((await post('nonsense'))?.status).toBe(400);
    const get = await rig.ask('/emulation');
    expect([get.status, get.headers.allow]).toEqual([405, 'POST']);
    const { session } = accepted.transport;
    // The hub closes for a frame that is too large; here it only sees it.
    expect((await rig.upstream(session, 'x'.repeat(21))).status).toBe(413);
    expect((await rig.upstream(undefined, 'x'.repeat(300))).status).toBe(413);
    expect(accepted.closes).toEqual([]);
    expect((await rig.upstream(session, 'x'.repeat(300))).status).toBe(413);
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.closes[0]?.code).toBe(3501);
  });

  it('[STREAM-6] requests keep the order in which they began, though a later body is whole first', async () => {
    rig = await startRig(streaming());
    const { accepted } = await rig.stream();
    const { session } = accepted.transport;
    const body = JSON.stringify({ session, node: '', data: 'slow' });
    const raw = rawRequest(
      rig.port,
      `POST /emulation HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 60)}`,
    );
    // One answered request later, the first bytes of the slow one have arrived too.
    expect((await rig.upstream('nobody', '')).status).toBe(404);
    const quick = rig.upstream(session, 'quick');
    await settle();
    expect(accepted.frames).toEqual(['hello']);
    raw.socket.write(body.slice(60));
    expect((await quick).status).toBe(204);
    expect(accepted.frames).toEqual(['hello', 'slow', 'quick']);
    raw.socket.destroy();
  });

  it('[STREAM-6] one that stalls holds up the others for its deadline and no longer', async () => {
    rig = await startRig(streaming(), { bodyTimeoutMs: 1_000 });
    const { accepted } = await rig.stream();
    const { session } = accepted.transport;
    const raw = rawRequest(
      rig.port,
      `POST /emulation HTTP/1.1\r\nhost: x\r\ncontent-length: 999\r\n\r\n{"session":"${session}","node":"","data":"`,
    );
    expect((await rig.upstream('nobody', '')).status).toBe(404);
    const quick = rig.upstream(session, 'quick');
    await settle();
    await rig.clock.advance(1_000);
    expect((await quick).status).toBe(204);
    expect(accepted.frames).toEqual(['hello', 'quick']);
    raw.socket.destroy();
  });
});

describe('what strangers cost', () => {
  const head = (length: number): string =>
    `POST /emulation HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`;

  it('[STREAM-11] a body that names no session of this node is not kept beyond 64 KiB', async () => {
    rig = await startRig(streaming());
    for (const [session, status] of [
      ['"session":"nobody",', 404],
      ['"data":"first","session":"nobody",', 413],
    ] as const) {
      const body = `{${session}"node":"","x":"${'x'.repeat(70_000)}`;
      const raw = rawRequest(rig.port, head(4_000_000) + body);
      await until(() => raw.received().includes('\r\n\r\n'));
      expect(raw.received()).toContain(`HTTP/1.1 ${status} `);
      raw.socket.destroy();
    }
  });

  it('[STREAM-11] a session is found in whatever pieces its body comes', async () => {
    rig = await startRig(streaming({ maxFrameBytes: 200_000 }));
    const { accepted } = await rig.stream();
    const data = 'x'.repeat(100_000);
    const body = JSON.stringify({ session: accepted.transport.session, node: '', data });
    const raw = rawRequest(rig.port, head(body.length) + body.slice(0, 5));
    for (const [from, to] of [
      [5, 20],
      [20, 60],
      [60, 70_000],
      [70_000, body.length],
    ] as const) {
      expect((await rig.upstream('nobody', '')).status).toBe(404);
      raw.socket.write(body.slice(from, to));
    }
    await accepted.until(() => accepted.frames.length === 2);
    expect(accepted.frames[1]).toBe(data);
    raw.socket.destroy();
  });

  it('[STREAM-9] unfinished bodies of one session end it where they are too many bytes together', async () => {
    rig = await startRig(streaming(), { upstreamBodyMaxBytes: 10_000 });
    const { accepted } = await rig.stream();
    const begun = `{"session":"${accepted.transport.session}","node":"","data":"${'x'.repeat(8_000)}`;
    const raws = [1, 2, 3].map(() => rawRequest(rig?.port ?? 0, head(9_999) + begun));
    await accepted.until(() => accepted.closes.length === 1);
    expect(accepted.closes[0]?.code).toBe(3013);
    for (const { socket } of raws) socket.destroy();
  });
});

describe('pages of other origins', () => {
  const evil = { origin: 'https://evil.test' };
  const friend = { origin: 'https://app.example' };

  it('[STREAM-8] a foreign page is refused everywhere, and may read nothing', async () => {
    rig = await startRig(streaming(), { allowedOrigins: ['https://app.example'] });
    for (const [path, method] of [
      ['/sse', 'GET'],
      ['/stream', 'POST'],
      ['/emulation', 'POST'],
      ['/stream', 'OPTIONS'],
    ] as const) {
      const answer = await rig.ask(path, { method, headers: evil });
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
    expect(rig.hub.accepted).toEqual([]);
  });

  it('[STREAM-8] an allowed one may open, send and read', async () => {
    rig = await startRig(streaming(), { allowedOrigins: ['https://app.example'] });
    const { stream } = await rig.stream('/sse', { headers: friend });
    const sent = await rig.ask('/emulation', { method: 'POST', headers: friend, body: '{}' });
    const asked = await rig.ask('/stream', {
      method: 'OPTIONS',
      headers: { ...friend, 'access-control-request-headers': 'content-type, x-mine' },
    });
    for (const { headers } of [stream, sent, asked]) {
      expect(headers).toMatchObject({
        'access-control-allow-origin': 'https://app.example',
        'access-control-allow-credentials': 'true',
        vary: 'origin',
      });
    }
    expect(asked.status).toBe(204);
    expect(asked.headers).toMatchObject({
      'access-control-allow-methods': 'POST, OPTIONS',
      'access-control-allow-headers': 'content-type, x-mine',
    });
  });

  it('[STREAM-8] where every origin is allowed, none may bring cookies', async () => {
    rig = await startRig(streaming(), { allowedOrigins: ['*'] });
    const { stream } = await rig.stream('/sse', { headers: evil });
    expect(stream.headers['access-control-allow-origin']).toBe('https://evil.test');
    expect(stream.headers['access-control-allow-credentials']).toBeUndefined();
  });

  it('[STREAM-8] a page that hides its origin is told by what the browser says of it', async () => {
    rig = await startRig(streaming());
    expect((await rig.ask('/sse', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect((await rig.stream('/sse', { headers: { 'sec-fetch-site': 'same-origin' } })).stream.status).toBe(
      200,
    );
  });

  it('[WS-18] a development server answers only to names of this machine', async () => {
    rig = await startRig(streaming(), { loopbackOriginOnly: true });
    expect((await rig.ask('/sse', { headers: { host: 'rebound.evil.test' } })).status).toBe(403);
    expect((await rig.stream('/sse', { headers: { host: `localhost:${rig.port}` } })).stream.status).toBe(
      200,
    );
  });
});

import { once } from 'node:events';
import { MemoryLogger, settle } from '@trunkline/base/testing';
import type { OpenDecision, OpenRequest } from '@trunkline/hub';
import { BinaryEncoded } from '@trunkline/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import {
  accepting,
  document,
  endpoint,
  lineCodec,
  PROFILE,
  rawUpgrade,
  request,
  startRig,
  type Rig,
} from './testing.js';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

const accept: OpenDecision = { kind: 'accept', codec: lineCodec(), profile: PROFILE };

/** An endpoint that records its requests. */
function recording(path = '/ws'): { requests: OpenRequest[]; endpoint: ReturnType<typeof endpoint> } {
  const requests: OpenRequest[] = [];
  return {
    requests,
    endpoint: endpoint((open) => {
      requests.push(open);
      return { kind: 'refuse', status: 403, body: 'recorded' };
    }, path),
  };
}

describe('routing and the open request', () => {
  it('[WS-1] an endpoint gets parameters, query, headers, address and sub-protocols', async () => {
    const { requests, endpoint: one } = recording('/panels/:id/ws');
    rig = await startRig([one]);
    await rig.refused('/panels/p%201/ws?token=t&a=1', {
      'X-Custom': 'v',
      'sec-websocket-protocol': 'one, two',
    });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      method: 'GET',
      path: '/panels/p%201/ws',
      params: { id: 'p 1' },
      remoteAddress: '127.0.0.1',
      originAllowed: true,
      subprotocols: ['one', 'two'],
    });
    expect(requests[0]?.query.get('token')).toBe('t');
    expect(requests[0]?.headers['x-custom']).toBe('v');
  });

  it('[WS-1] an empty list of sub-protocols offers none', async () => {
    rig = await startRig([accepting()]);
    const { client } = await rig.pair({ headers: { 'Sec-WebSocket-Protocol': '' } });
    expect([client.ws.readyState, client.ws.protocol]).toEqual([1, '']);
  });

  it('[WS-2] unknown paths, methods and encodings get an answer that says so', async () => {
    rig = await startRig([accepting(), endpoint(() => accept, '/p/:id')]);
    const unknown = await rig.refused('/nowhere');
    expect(unknown.status).toBe(404);
    expect(JSON.parse(unknown.body)).toEqual({
      error: { code: 1004, message: 'not found: no endpoint at this path' },
    });
    expect((await rig.refused('/p/%zz')).status).toBe(400);
    const method = await request(rig.port, '/ws', {}, 'POST');
    expect(method.status).toBe(405);
    expect(method.headers).toContain('allow: get');
    expect((await rig.refused('/ws', { upgrade: 'h2c' })).status).toBe(400);
    expect((await rig.refused('/ws', { 'sec-websocket-key': 'short' })).status).toBe(400);
    expect(rig.hub.accepted).toHaveLength(0);
    expect(rig.entrance.connections).toBe(0);
  });

  it('[WS-3] the origin is judged, the endpoint decides', async () => {
    const { requests, endpoint: one } = recording();
    rig = await startRig([one], { allowedOrigins: ['https://console.example.com'] });
    const host = `127.0.0.1:${rig.port}`;
    for (const origin of [`http://${host}`, 'https://console.example.com', 'https://evil.test']) {
      await rig.refused('/ws', { origin, host });
    }
    expect(requests.map((open) => open.originAllowed)).toEqual([true, true, false]);
  });

  it('[WS-4] forwarded addresses are believed from configured proxies only', async () => {
    const headers = {
      'x-forwarded-for': '198.51.100.7',
      origin: 'http://console.example.com',
      host: 'console.example.com',
      'x-forwarded-proto': 'https',
    };
    const stranger = recording();
    rig = await startRig([stranger.endpoint]);
    await rig.refused('/ws', headers);
    await rig.stop();
    const trusted = recording();
    rig = await startRig([trusted.endpoint], { trustedProxies: ['127.0.0.0/8'] });
    await rig.refused('/ws', headers);
    expect(stranger.requests[0]).toMatchObject({ remoteAddress: '127.0.0.1', originAllowed: true });
    expect(trusted.requests[0]).toMatchObject({ remoteAddress: '198.51.100.7', originAllowed: false });
  });
});

describe('limits before an endpoint is asked', () => {
  it('[WS-5] attempts of one address are limited, others are not', async () => {
    const { requests, endpoint: one } = recording();
    rig = await startRig([one], { attemptsPerSecond: 1, attemptsBurst: 2, trustedProxies: ['127.0.0.1'] });
    const statuses: number[] = [];
    for (const address of ['9.9.9.9', '9.9.9.9', '9.9.9.9', '8.8.8.8']) {
      statuses.push((await rig.refused('/ws', { 'x-forwarded-for': address })).status);
    }
    expect(statuses).toEqual([403, 403, 429, 403]);
    await rig.clock.advance(1_000);
    expect((await rig.refused('/ws', { 'x-forwarded-for': '9.9.9.9' })).status).toBe(403);
    expect(requests).toHaveLength(4);
  });

  it('[WS-6] sockets are limited, and a closed one makes room', async () => {
    rig = await startRig([accepting()], { maxConnections: 1 });
    const { client, accepted } = await rig.pair();
    const full = await rig.refused();
    expect(full.status).toBe(503);
    expect(JSON.parse(full.body).error.code).toBe(106);
    client.ws.terminate();
    await accepted.until(() => accepted.closes.length > 0);
    await rig.pair();
    expect(rig.entrance.connections).toBe(1);
  });

  it('[WS-7] a draining node sends people on, also while an endpoint thinks', async () => {
    let decide: (decision: OpenDecision) => void = () => undefined;
    let opened: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (opened = resolve));
    const one = endpoint(() => {
      opened();
      return new Promise((resolve) => (decide = resolve));
    });
    rig = await startRig([one], { retryAfterSeconds: 7 });
    const answer = rig.refused();
    await asked;
    rig.hub.draining = true;
    decide(accept);
    expect((await answer).status).toBe(503);
    const later = await rig.refused();
    expect(later.status).toBe(503);
    expect(later.headers).toContain('retry-after: 7');
    expect(JSON.parse(later.body).error.code).toBe(1005);
  });
});

describe('decisions', () => {
  it('[WS-8] a refusal is a plain HTTP answer', async () => {
    const headers = { 'WWW-Authenticate': 'Bearer', 'X-Bad': 'a\r\nX-Injected: 1' };
    rig = await startRig([endpoint(() => ({ kind: 'refuse', status: 401, headers, body: 'näh' }))]);
    const answer = await rig.refused();
    expect(answer).toMatchObject({ status: 401, body: 'näh' });
    expect(answer.headers).toContain('www-authenticate: bearer');
    expect(answer.headers).toContain('content-length: 4');
    expect(answer.headers).not.toContain('injected');
  });

  it('[WS-8] accept-then-close completes the handshake, tells, and closes', async () => {
    const frames = [document('{"error":"no such panel"}'), document('bye')];
    const decision: OpenDecision = {
      kind: 'acceptThenClose',
      frames,
      binary: false,
      code: 4404,
      reason: 'x'.repeat(200),
      subprotocol: 'b',
    };
    rig = await startRig([endpoint(() => decision)]);
    const client = rig.client('/ws', { protocols: ['a', 'b'] });
    expect(await client.closed()).toEqual({ code: 4404, reason: 'x'.repeat(123) });
    expect(client.received).toEqual(['{"error":"no such panel"}', 'bye']);
    expect(client.ws.protocol).toBe('b');
    expect(rig.hub.accepted).toHaveLength(0);
  });

  it('[WS-8] a peer that was told to go and stays is dropped', async () => {
    rig = await startRig([
      endpoint(() => ({ kind: 'acceptThenClose', frames: [], binary: true, code: 4404, reason: '' })),
    ]);
    const socket = rawUpgrade(rig.port, '/ws');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await rig.clock.advance(5_000);
    await closed;
    expect(rig.entrance.connections).toBe(0);
  });

  it('[WS-8] the hub gets the link as decided', async () => {
    const principal = { user: 'u', org: 'o', roles: [], groups: [], caps: [], channels: [] };
    const plan = { commands: [] };
    rig = await startRig([
      endpoint(() => ({
        ...(accept as Extract<OpenDecision, { kind: 'accept' }>),
        principal,
        plan,
        subprotocol: 'two',
      })),
    ]);
    const arrival = rig.hub.next();
    const client = rig.client('/ws?x=1', { protocols: ['one', 'two'] });
    await client.opened();
    const { link } = await arrival;
    expect(link).toMatchObject({ principal, plan, profile: PROFILE });
    expect(link.request.query.get('x')).toBe('1');
    expect(client.ws.protocol).toBe('two');
  });

  it('[WS-8] a sub-protocol that was not offered is not selected', async () => {
    const logger = new MemoryLogger();
    rig = await startRig(
      [endpoint(() => ({ ...(accept as Extract<OpenDecision, { kind: 'accept' }>), subprotocol: 'other' }))],
      {},
      { logger },
    );
    const client = rig.client();
    await client.opened();
    expect(client.ws.protocol).toBe('');
    expect(
      logger.lines.some(({ level, fields }) => level === 'warn' && fields['subprotocol'] === 'other'),
    ).toBe(true);
  });

  it('[WS-9] an endpoint that does not answer within its deadline is aborted, its late answer ignored', async () => {
    let signal: AbortSignal | undefined;
    let decide: (decision: OpenDecision) => void = () => undefined;
    let opened: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (opened = resolve));
    const one = endpoint((_request, given) => {
      signal = given;
      opened();
      return new Promise((resolve) => (decide = resolve));
    });
    rig = await startRig([one]);
    const answer = rig.refused();
    await asked;
    await rig.clock.advance(999);
    expect(signal?.aborted).toBe(false);
    await rig.clock.advance(1);
    expect((await answer).status).toBe(503);
    expect(signal?.aborted).toBe(true);
    decide(accept);
    await settle();
    expect(rig.hub.accepted).toHaveLength(0);
  });

  it('[WS-9] an endpoint that throws costs its request only', async () => {
    const logger = new MemoryLogger();
    const one = endpoint(() => {
      throw new Error('secret detail');
    });
    rig = await startRig(
      [one, accepting()].map((each, index) => ({ ...each, path: index === 0 ? '/bad' : '/ws' })),
      {},
      { logger },
    );
    const answer = await rig.refused('/bad');
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('secret');
    await rig.pair();
  });

  it('[WS-9] a peer that goes away while the endpoint thinks aborts it', async () => {
    let aborted: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (aborted = resolve));
    let opened: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (opened = resolve));
    const one = endpoint((_request, signal) => {
      signal.addEventListener('abort', () => aborted());
      opened();
      return new Promise(() => undefined);
    });
    rig = await startRig([one]);
    const socket = rawUpgrade(rig.port, '/ws');
    await asked;
    socket.resetAndDestroy();
    await gone;
    expect(rig.entrance.connections).toBe(0);
  });

  it('[WS-9] a hub that throws closes that connection with 3004', async () => {
    rig = await startRig([accepting()]);
    rig.hub.failure = new Error('broken');
    expect((await rig.client().closed()).code).toBe(3004);
  });
});

describe('life of the entrance', () => {
  it('[WS-17] dispose drops what is open and stops listening, twice without harm', async () => {
    rig = await startRig([accepting()]);
    const { client, accepted } = await rig.pair();
    rig.entrance.dispose();
    rig.entrance.dispose();
    expect((await client.closed()).code).toBe(1006);
    await accepted.until(() => accepted.closes.length === 1);
    expect(rig.entrance.connections).toBe(0);
  });

  it('[WS-17] bad options are refused by name', async () => {
    await expect(startRig([], { maxConnections: 0 })).rejects.toThrow(/maxConnections/);
    await expect(startRig([], { trustedProxies: ['x'] })).rejects.toThrow(/trustedProxies\[0\]/);
  });
});

describe('endpoints that speak for themselves', () => {
  it('[WS-8] a line is handed to the hub with its principal, and carries a text frame for each document', async () => {
    const principal = { user: 'ada', org: 'acme', roles: [], groups: [], caps: [], channels: [] };
    const begin = () => ({ onFrame: () => undefined, onDrained: () => undefined, onClosed: () => undefined });
    rig = await startRig([
      endpoint(
        () => ({ kind: 'converse', principal, profile: PROFILE, subprotocol: 'own', begin }),
        '/lines/:id',
      ),
    ]);
    const client = rig.client('/lines/7', { protocols: ['other', 'own'] });
    await client.opened();
    expect(client.ws.protocol).toBe('own');
    expect(rig.hub.lines).toHaveLength(1);
    expect(rig.hub.lines[0]?.line).toMatchObject({ principal, begin, request: { params: { id: '7' } } });
    client.ws.send('hello');
    await client.until(() => client.received.length === 1);
    rig.hub.lines[0]?.transport.write([document('a'), document('b')]);
    await client.until(() => client.received.length === 3);
    expect(client.received).toEqual(['heard hello', 'a', 'b']);
    client.ws.send('x'.repeat(PROFILE.maxFrameBytes + 1));
    expect((await client.closed()).code).toBe(1009);
  });

  it('[WS-10] a document of a line says itself whether its frame is text or binary', async () => {
    const principal = { user: 'ada', org: 'acme', roles: [], groups: [], caps: [], channels: [] };
    const begin = () => ({ onFrame: () => undefined, onDrained: () => undefined, onClosed: () => undefined });
    rig = await startRig([
      endpoint(() => ({ kind: 'converse', principal, profile: PROFILE, begin }), '/lines'),
    ]);
    const client = rig.client('/lines');
    const kinds: boolean[] = [];
    client.ws.on('message', (_data, isBinary) => kinds.push(isBinary));
    await client.opened();
    const bytes = new BinaryEncoded(Uint8Array.of(1, 0, 255));
    rig.hub.lines[0]?.transport.write([document('a'), bytes, document('b')]);
    rig.hub.lines[0]?.transport.write([bytes]);
    await client.until(() => client.received.length === 4);
    expect(kinds).toEqual([false, true, false, true]);
  });

  it('[WS-8] a sub-protocol with a slash in its name is selected like any other', async () => {
    const principal = { user: 'ada', org: 'acme', roles: [], groups: [], caps: [], channels: [] };
    const begin = () => ({ onFrame: () => undefined, onDrained: () => undefined, onClosed: () => undefined });
    const subprotocol = 'SPDY/3.1+portforward.k8s.io';
    rig = await startRig([
      endpoint(() => ({ kind: 'converse', principal, profile: PROFILE, subprotocol, begin }), '/lines'),
    ]);
    // Browsers and `ws` do not offer such names.
    const client = rig.client('/lines', { headers: { 'sec-websocket-protocol': subprotocol } });
    let selected: string | undefined;
    client.ws.on('upgrade', ({ headers }) => {
      selected = headers['sec-websocket-protocol'];
      delete headers['sec-websocket-protocol'];
    });
    await client.opened();
    expect(selected).toBe(subprotocol);
  });
});

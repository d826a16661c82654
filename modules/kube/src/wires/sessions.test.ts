import { testPrincipal } from '@trunkline/hub/testing';
import { KubeError } from '@trunkline/kube-client';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DoubtListener } from '../ports.js';
import { Session } from './session.js';
import { parseStream } from './stream-path.js';
import { createSessionBed, EXEC, FakeSocket, LOG, type Frame } from './testing/session-bed.js';

const SPDY = 'SPDY/3.1+portforward.k8s.io';
const forbidden = (words: string) => new KubeError('kubeForbidden', words, { status: 403 });
const unreachable = () => Promise.reject(new KubeError('kubeUnreachable', 'ECONNREFUSED'));

describe('the way into a session', () => {
  it('[KWIRE-50] what is passed on is the path and the parameters of the API, and sub-protocols that carry no credential', async () => {
    const { open, dials, ask, last } = createSessionBed();
    const protocols = [
      'base64.binary.k8s.io',
      'v4.channel.k8s.io',
      'base64url.headlamp.authorization.k8s.io.someone',
      'base64url.bearer.authorization.k8s.io.c2VjcmV0',
      SPDY,
    ];
    const query = 'container=main&command=sh&command=-c&command=a%20b&tty=1&token=secret&x=y';
    await open(`${EXEC}?${query}`, { protocols });
    expect(dials[0]).toMatchObject({
      path: `${EXEC}?container=main&command=sh&command=-c&command=a+b&tty=1`,
      protocols: ['base64.binary.k8s.io', 'v4.channel.k8s.io', SPDY],
    });
    const decision = await ask(`${EXEC}?command=cat`, { protocols });
    expect(decision).toMatchObject({
      kind: 'converse',
      subprotocol: last().protocol,
      profile: { maxFrameBytes: 1_048_576 },
    });
    expect(dials[1]?.maxFrameBytes).toBe(1_048_576);
    await open(EXEC.replace('exec', 'portforward?ports=80&ports=81'));
    expect(dials.at(-1)?.path).toMatch(/\/web\/portforward\?ports=80&ports=81$/);
  });

  it('[KWIRE-50] other paths are none of its business, and what lies in no namespace is refused', () => {
    const parse = (path: string) => parseStream(path, new URLSearchParams());
    for (const path of [
      '/api/v1/pods',
      '/api/v1/namespaces/a/pods/b/status',
      '/apis/x.y/v1/namespaces/a/pods/b/exec',
    ])
      expect(parse(path)).toBeUndefined();
    expect(parse('/api/v1/namespaces/a/pods/b/exec/more')).toBeUndefined();
    expect(() => parse('/api/v1/pods/b/exec')).toThrow('namespace');
    expect(() => parse('/api/v1/namespaces/a/pods/b%2Fc/exec')).toThrow('path');
  });

  it('[KWIRE-51] without the option, an audit log or a name nobody comes in, and nothing is dialled', async () => {
    const { ask, hands, dials, deeds, without } = createSessionBed();
    const words = async (...given: Parameters<typeof ask>): Promise<unknown[]> => {
      const decision = await ask(...given);
      if (decision.kind !== 'refuse') throw new Error(decision.kind);
      const { kind, code, message } = JSON.parse(decision.body) as Record<string, unknown>;
      return [decision.status, kind, code, message];
    };
    hands.exec = false;
    expect(await words(EXEC)).toEqual([
      403,
      'Status',
      403,
      expect.stringContaining('option kube.clusters[].exec') as string,
    ]);
    hands.exec = true;
    expect(await words(EXEC, { using: without() })).toContainEqual(expect.stringContaining('audit log'));
    expect(await words(EXEC, { principal: testPrincipal({ user: '' }) })).toContainEqual(
      expect.stringContaining('signed in'),
    );
    hands.may = () => Promise.reject(forbidden('pods "web" is forbidden: no'));
    expect(await words(EXEC)).toContainEqual(expect.stringContaining('pods "web" is forbidden: no'));
    hands.may = unreachable;
    expect((await words(EXEC))[0]).toBe(503);
    expect(await ask(EXEC, { originAllowed: false })).toMatchObject({ kind: 'refuse', status: 403 });
    expect([dials, deeds]).toEqual([[], []]);
  });

  it('[KWIRE-52] create is asked about, as somebody new, and again for as long as it lives', async () => {
    const { open, asked, clock, last } = createSessionBed();
    await open();
    expect(asked).toEqual(['c1 create pods/exec default/web true']);
    await clock.advance(8_100);
    expect(asked).toHaveLength(3);
    expect(last().destroyed).toBe(false);
  });

  it('[KWIRE-53] it is written down before anything is dialled: who, where, which program, and none of its arguments', async () => {
    const { open, deeds, dials, hands } = createSessionBed();
    hands.audit = () => {
      expect(dials).toEqual([]);
      return Promise.resolve();
    };
    await open(`${EXEC}?container=main&command=mysql%20-psecret&command=-u&command=root`);
    expect(deeds).toEqual([
      {
        principal: testPrincipal(),
        action: 'kube.entered',
        cluster: 'c1',
        path: EXEC,
        verb: 'exec',
        requestId: '',
        address: '192.0.2.7',
        details: { container: 'main', program: 'mysql' },
      },
    ]);
    expect(JSON.stringify(deeds)).not.toContain('secret');
  });

  it('[KWIRE-53] what cannot be written down is not done', async () => {
    const { ask, dials, hands, sessions } = createSessionBed();
    hands.audit = () => Promise.reject(new Error('disk full'));
    const decision = await ask(EXEC);
    expect(decision).toMatchObject({ kind: 'refuse', status: 503 });
    expect(JSON.stringify(decision)).not.toContain('disk');
    expect([dials, sessions.size]).toEqual([[], 0]);
  });

  it('[KWIRE-54] places are limited, per user and in all, and given back', async () => {
    const { open, ask, hands, sessions, clock } = createSessionBed({ maxSessionsPerUser: 2, maxSessions: 3 });
    const first = await open();
    await open();
    const third = await ask(EXEC);
    expect(third).toMatchObject({ kind: 'refuse', status: 429 });
    expect(JSON.stringify(third)).toContain('maxSessionsPerUser');
    const bob = testPrincipal({ user: 'bob' });
    await open(undefined, { principal: bob });
    expect(JSON.stringify(await ask(EXEC, { principal: bob }))).toContain('(maxSessions)');
    first.talk.onClosed(1000, '', 'client');
    first.talk.onClosed(1000, '', 'client');
    expect(sessions.size).toBe(2);
    hands.dial = () => Promise.reject(forbidden('nothing'));
    expect(await ask(EXEC)).toMatchObject({ kind: 'refuse', status: 403 });
    expect(sessions.size).toBe(2);
    await clock.advance(0);
  });

  it('[KWIRE-54] a session that nobody takes over ends, and so does one that is dialled too late', async () => {
    const { ask, clock, last, sessions, hands, sockets } = createSessionBed({ openDeadlineMs: 1_000 });
    await ask(EXEC);
    await clock.advance(1_100);
    expect([last().destroyed, sessions.size]).toEqual([true, 0]);
    let dialled: () => void = () => undefined;
    hands.dial = () => new Promise((resolve) => (dialled = resolve));
    const gone = new AbortController();
    const late = ask(EXEC, { signal: gone.signal });
    late.catch(() => undefined);
    await clock.advance(10);
    gone.abort(new Error('gone'));
    dialled();
    await expect(late).rejects.toThrow('gone');
    expect([sockets[1]?.destroyed, sessions.size]).toEqual([true, 0]);
  });
});

describe('an open session', () => {
  it('[KWIRE-55] frames of both kinds pass as they are and in order, and so does the close', async () => {
    const { open, last } = createSessionBed();
    const { line, talk } = await open();
    const down: Frame[] = [[1], 'text', [1, 0, 255], '', []];
    last().says(...down);
    expect(line.sent).toEqual(down);
    talk.onFrame('t');
    talk.onFrame(Uint8Array.of(0, 7));
    talk.onFrame(new Uint8Array());
    expect(last().sent).toEqual(['t', [0, 7], []]);
    last().ends(4321, 'enough');
    expect(line.closed).toEqual({ code: 4321, reason: 'enough' });
  });

  it('[KWIRE-55] closes of the client pass as well, and ones that cannot be sent are put into words', async () => {
    const { open, last } = createSessionBed();
    (await open()).talk.onClosed(4001, 'bye', 'client');
    expect(last().closed).toEqual({ code: 4001, reason: 'bye' });
    (await open()).talk.onClosed(3503, 'force disconnect', 'server');
    expect(last().closed?.code).toBe(1001);
    const plain = await open();
    last().ends(1005, '');
    expect(plain.line.closed?.code).toBe(1000);
    const lost = await open();
    last().ends(1006, '');
    expect(lost.line.closed).toEqual({ code: 1011, reason: 'the connection to the API server was lost' });
  });

  it('[KWIRE-56] a side that is behind stops the other one, until it has caught up', async () => {
    const { open, last } = createSessionBed();
    const { line, talk } = await open();
    line.stalled = true;
    last().says([1, 1]);
    expect([line.sent, last().paused]).toEqual([[], true]);
    // What was read already still comes.
    last().says([1, 2]);
    line.stalled = false;
    talk.onDrained();
    expect([line.sent, last().paused]).toEqual([
      [
        [1, 1],
        [1, 2],
      ],
      false,
    ]);
    last().behind = true;
    talk.onFrame('a');
    talk.onFrame('b');
    expect([line.holds, last().sent]).toEqual([1, ['a', 'b']]);
    last().drains();
    expect(line.holds).toBe(0);
  });

  it('[KWIRE-56] the close comes behind what waits for the client, and what waits is bounded', async () => {
    const { open, last, sessions } = createSessionBed({ maxWaitingBytes: 10, sessionFrameBytes: 2 });
    const { line, talk } = await open();
    line.stalled = true;
    last().says([1, 1], [1, 2]);
    last().ends(1000, '');
    expect([line.closed, sessions.size]).toEqual([undefined, 0]);
    line.stalled = false;
    talk.onDrained();
    expect([line.sent.length, line.closed?.code]).toEqual([2, 1000]);
    const other = await open();
    other.line.stalled = true;
    last().says([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]);
    expect(other.line.closed?.code).toBe(3008);
  });

  it('[KWIRE-57] a right that was taken away ends it within 5 s, in words, and what waits is not shown', async () => {
    const { open, last, hands, clock, sessions } = createSessionBed();
    const { line, talk } = await open();
    line.stalled = true;
    last().says([1, 1]);
    hands.may = () => Promise.reject(forbidden('not any more'));
    await clock.advance(5_000);
    line.stalled = false;
    talk.onDrained();
    expect(line.sent).toEqual([]);
    expect(line.closed?.code).toBe(3507);
    expect(line.closed?.reason).toContain('not any more');
    expect([last().destroyed, sessions.size]).toEqual([true, 0]);
    last().says([1, 9]);
    talk.onFrame('x');
    expect([line.sent, last().sent]).toEqual([[], []]);
  });

  it('[KWIRE-57] so do another credential, and the option', async () => {
    const { open, hands, clock } = createSessionBed();
    const one = await open();
    hands.identity = { kind: 'credential', id: 'other' };
    await clock.advance(5_000);
    expect(one.line.closed?.reason).toContain('replaced');
    const two = await open();
    hands.exec = false;
    await clock.advance(5_000);
    expect(two.line.closed?.reason).toContain('not enabled');
  });

  it('[KWIRE-57] while nobody can say it goes on for doubtMs, and not longer, also where questions get no answer at all', async () => {
    const { open, hands, clock } = createSessionBed({ doubtMs: 5_000 });
    const one = await open();
    hands.may = unreachable;
    await clock.advance(7_500);
    hands.may = () => Promise.resolve({ recheckMs: 4_000 });
    await clock.advance(20_000);
    expect(one.line.closed).toBeUndefined();
    hands.may = unreachable;
    await clock.advance(9_100);
    expect(one.line.closed?.code).toBe(3507);
    hands.may = () => Promise.resolve({ recheckMs: 4_000 });
    const two = await open();
    hands.may = () => new Promise(() => undefined);
    await clock.advance(9_100);
    expect(two.line.closed?.reason).toContain('could not be asked about');
  });

  it('[KWIRE-58] the API server is pinged, until the end', async () => {
    const { open, last, clock } = createSessionBed({ pingIntervalMs: 1_000 });
    const { talk } = await open();
    await clock.advance(3_500);
    expect(last().pings).toBe(3);
    talk.onClosed(1000, '', 'client');
    await clock.advance(3_500);
    expect([last().pings, clock.pending]).toEqual([3, 0]);
  });
});

describe('a log', () => {
  const FAULT = { sinceMs: 0, reason: new KubeError('kubeUnreachable', 'rights cannot be asked about') };
  const BASE64 = 'base64.binary.k8s.io';
  const PRIVATE = 'base64url.headlamp.authorization.k8s.io.someone';

  /** Open, with what it is read from. */
  async function read(
    bed: ReturnType<typeof createSessionBed>,
    query = '',
    given: Parameters<typeof bed.open>[1] = {},
  ) {
    const { line, talk } = await bed.open(`${LOG}?${query}`, given);
    const log = bed.logs.at(-1);
    if (log === undefined) throw new Error('no log was opened');
    return { line, talk, log };
  }
  const bytes = (text: string): readonly number[] => [...Buffer.from(text)];

  it('[KWIRE-66] is reading: get on pods/log is all that is asked about, anonymous users included, and nothing is written down', async () => {
    const bed = createSessionBed();
    const { ask, asked, deeds, dials, logs, hands, without, clock } = bed;
    hands.exec = false;
    const given = { using: without(), principal: testPrincipal({ user: '' }) };
    const { log } = await read(bed, 'container=main&previous=false&follow=true&tailLines=100', given);
    expect(log.options).toMatchObject({
      namespace: 'default',
      pod: 'web',
      container: 'main',
      follow: true,
      previous: false,
      timestamps: false,
      tailLines: 100,
    });
    expect(asked).toEqual(['c1 get pods/log default/web true']);
    await clock.advance(4_100);
    expect(asked[1]).toBe('c1 get pods/log default/web false');
    expect(await ask(`${LOG}?tailLines=-1`, given)).toMatchObject({
      kind: 'refuse',
      body: expect.stringContaining('tailLines') as string,
    });
    hands.may = () => Promise.reject(forbidden('pods "web" is forbidden: no'));
    expect(await ask(LOG, given)).toMatchObject({
      kind: 'refuse',
      status: 403,
      body: expect.stringContaining('is forbidden: no') as string,
    });
    expect([dials.length, logs.length, deeds]).toEqual([0, 1, []]);
  });

  it('[KWIRE-67] frames are whole lines, in base64 or as bytes, and the end is a close', async () => {
    const bed = createSessionBed();
    const { ask, clock } = bed;
    expect(await ask(LOG, { protocols: [PRIVATE, BASE64] })).toMatchObject({ subprotocol: BASE64 });
    expect(await ask(LOG, { protocols: ['v4.channel.k8s.io'] })).toMatchObject({
      kind: 'refuse',
      status: 400,
      body: expect.stringContaining('base64.binary.k8s.io or binary.k8s.io') as string,
    });
    const one = await read(bed, '', { protocols: [BASE64, PRIVATE] });
    const two = await read(bed, '', { protocols: ['binary.k8s.io'] });
    for (const { log, talk } of [one, two]) {
      talk.onFrame('what a client says');
      log.prints('één', 'two');
      log.prints('');
      log.ends();
    }
    await clock.advance(0);
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    expect(one.line.sent).toEqual([base64('één\ntwo\n'), base64('\n')]);
    expect(two.line.sent).toEqual([bytes('één\ntwo\n'), bytes('\n')]);
    expect([one.line.closed, two.line.closed?.code]).toEqual([{ code: 1000, reason: '' }, 1000]);
    const three = await read(bed);
    three.log.breaks();
    await clock.advance(0);
    expect(three.line.closed?.code).toBe(1011);
  });

  it('[KWIRE-67] a client that is behind stops it, and one that goes ends it', async () => {
    const bed = createSessionBed();
    const { line, talk, log } = await read(bed);
    line.stalled = true;
    for (const text of ['a', 'b', 'c', 'd']) log.prints(text);
    await bed.clock.advance(0);
    expect([line.sent, log.taken]).toEqual([[], 2]);
    line.stalled = false;
    talk.onDrained();
    await bed.clock.advance(0);
    expect(line.sent).toEqual(['a\n', 'b\n', 'c\n', 'd\n'].map(bytes));
    talk.onClosed(1000, '', 'client');
    expect([log.aborted, bed.sessions.size, bed.doubters.size]).toEqual([true, 0, 0]);
  });

  it('[KWIRE-68] ends with the right and with the credential, and what waits is not shown', async () => {
    const bed = createSessionBed();
    const { hands, clock, doubters, sessions } = bed;
    const { line, talk, log } = await read(bed);
    line.stalled = true;
    log.prints('a');
    await clock.advance(0);
    hands.may = () => Promise.reject(forbidden('not any more'));
    await clock.advance(5_000);
    line.stalled = false;
    talk.onDrained();
    expect([line.sent, line.closed?.code, log.aborted]).toEqual([[], 3507, true]);
    hands.may = () => Promise.resolve({ recheckMs: 4_000 });
    const other = await read(bed);
    for (const { onLost } of [...doubters]) onLost(forbidden('gone'));
    expect([other.line.closed?.code, other.log.aborted]).toEqual([3507, true]);
    expect([doubters.size, sessions.size]).toEqual([0, 0]);
  });

  it('[KWIRE-68] a right that was taken away while the API server took its time is asked about before anything is shown', async () => {
    const { ask, hands, clock, logs, sessions } = createSessionBed();
    let agreed: () => void = () => undefined;
    hands.dial = () => new Promise((resolve) => (agreed = resolve));
    const decided = ask(LOG);
    await clock.advance(10_000);
    hands.may = () => Promise.reject(forbidden('not any more'));
    agreed();
    expect(await decided).toMatchObject({ kind: 'refuse', status: 403 });
    expect([logs[0]?.aborted, sessions.size]).toEqual([true, 0]);
  });

  it('[KWIRE-68] while rights cannot be asked about nothing new is shown, not the end either, and it goes on afterwards', async () => {
    const bed = createSessionBed();
    const { clock, doubters } = bed;
    const { line, talk, log } = await read(bed);
    const tell = (fault: typeof FAULT | undefined): void => {
      for (const { onDoubt } of [...doubters]) onDoubt(fault);
    };
    log.prints('a');
    await clock.advance(0);
    tell(FAULT);
    log.prints('b');
    talk.onDrained();
    await clock.advance(60_000);
    expect(line.sent).toEqual([bytes('a\n')]);
    tell(undefined);
    await clock.advance(0);
    expect(line.sent).toEqual([bytes('a\n'), bytes('b\n')]);
    tell(FAULT);
    log.ends();
    await clock.advance(1_000);
    expect(line.closed).toBeUndefined();
    tell(undefined);
    await clock.advance(0);
    expect([line.closed?.code, doubters.size]).toEqual([1000, 0]);
  });

  it('[KWIRE-68] neither is what a socket had read already, nor a client that is behind read for', async () => {
    const bed = createSessionBed();
    const socket = new FakeSocket('');
    let listener: DoubtListener | undefined;
    const right = {
      recheckMs: 4_000,
      ask: () => Promise.resolve(4_000),
      release: () => undefined,
      doubt: (given: DoubtListener) => ((listener = given), { dispose: () => undefined }),
    };
    const options = { doubtMs: 5_000, doubtAgainMs: 1_000, pingIntervalMs: 1_000, openDeadlineMs: 1_000 };
    const session = new Session(bed.clock, options, socket, right);
    const seen: Frame[] = [];
    let takes = true;
    listener?.onDoubt(FAULT);
    session.start({
      onFrame: (frame) => (seen.push([...frame]), takes),
      onDrained: () => undefined,
      onEnd: ({ code }) => void seen.push(String(code)),
    });
    socket.says([1]);
    expect([seen, socket.paused]).toEqual([[], true]);
    takes = false;
    listener?.onDoubt(undefined);
    expect([seen, socket.paused]).toEqual([[[1]], true]);
    listener?.onDoubt(FAULT);
    session.resume();
    expect(socket.paused).toBe(true);
    socket.says([2]);
    socket.ends(1000, '');
    expect(seen).toEqual([[1]]);
    listener?.onDoubt(undefined);
    expect(seen).toEqual([[1], [2], '1000']);
  });

  it('[KWIRE-69] places of logs are counted apart, and one that nobody takes over ends', async () => {
    const bed = createSessionBed({ maxSessionsPerUser: 1, openDeadlineMs: 1_000 });
    const { open, ask, sessions, clock, logs } = bed;
    const { talk } = await read(bed);
    await open();
    expect(await ask(LOG)).toMatchObject({ kind: 'refuse', status: 429 });
    expect(sessions.size).toBe(2);
    talk.onClosed(1000, '', 'client');
    expect(await ask(LOG)).toMatchObject({ kind: 'converse' });
    await clock.advance(1_100);
    expect([logs.at(-1)?.aborted, sessions.size]).toEqual([true, 1]);
  });
});

describe('sessions over the multiplexer', () => {
  const key = { clusterId: 'c1', path: EXEC, query: 'command=cat&stdin=1', userId: 'u' };

  async function connect(given: Parameters<typeof createSessionBed>[0] = {}) {
    const bed = createSessionBed(given);
    const { line, talk } = await bed.open('/wsMultiplexer');
    const send = (more: object): void => talk.onFrame(JSON.stringify({ ...key, type: 'REQUEST', ...more }));
    const got = (): Record<string, unknown>[] =>
      line.sent.map((text) => JSON.parse(String(text)) as Record<string, unknown>);
    return { ...bed, line, talk, send, got };
  }

  it('[KWIRE-27] REQUEST opens one; its frames are DATA, binary ones in base64', async () => {
    const { clock, send, got, last, dials, deeds } = await connect();
    send({});
    send({});
    await clock.advance(10);
    expect([dials.length, deeds[0]?.address]).toEqual([1, '192.0.2.7']);
    expect(dials[0]?.protocols).toEqual(['v4.channel.k8s.io']);
    last().says([1, 104, 105], 'plain "text"');
    expect(got()).toEqual([
      { ...key, data: 'AWhp', binary: true, type: 'DATA' },
      { ...key, data: 'plain "text"', type: 'DATA' },
    ]);
  });

  it('[KWIRE-27] data of a further REQUEST goes on as a binary frame, also what came before it was open', async () => {
    const { clock, send, last } = await connect();
    send({ data: '\u0000first' });
    send({ data: '\u0000second' });
    await clock.advance(10);
    send({ data: '\u0000ü' });
    expect(last().sent).toEqual([
      [0, ...Buffer.from('first')],
      [0, ...Buffer.from('second')],
      [0, 195, 188],
    ]);
  });

  it('[KWIRE-27] a log comes as bytes', async () => {
    const { clock, send, got, logs } = await connect();
    send({ path: LOG, query: 'follow=true' });
    await clock.advance(10);
    logs[0]?.prints('one');
    logs[0]?.ends();
    await clock.advance(0);
    expect(got()).toMatchObject([
      { path: LOG, data: 'b25lCg==', binary: true, type: 'DATA' },
      { path: LOG, data: '{"error":"the session ended (1000)"}', type: 'ERROR' },
    ]);
  });

  it('[KWIRE-27] its end and its refusal are an ERROR, CLOSE ends it without a word, and the socket stays', async () => {
    const { clock, send, got, last, line, hands, sessions } = await connect();
    send({});
    await clock.advance(10);
    last().says([3, 1]);
    last().ends(1000, '');
    expect(got().map(({ type, data }) => [type, data])).toEqual([
      ['DATA', 'AwE='],
      ['ERROR', '{"error":"the session ended (1000)"}'],
    ]);
    send({});
    await clock.advance(10);
    send({ type: 'CLOSE' });
    expect([last().closed?.code, got().length, sessions.size]).toEqual([1000, 2, 0]);
    hands.exec = false;
    send({});
    await clock.advance(10);
    expect(got()[2]).toMatchObject({
      type: 'ERROR',
      data: expect.stringContaining('kube.clusters[].exec') as string,
    });
    expect(line.closed).toBeUndefined();
  });

  it('[KWIRE-27] a client that is behind stops it; a program that takes nothing ends it, and no other', async () => {
    const { clock, send, got, last, line, talk, sockets } = await connect({ sessionFrameBytes: 100 });
    send({});
    await clock.advance(10);
    const one = last();
    send({ query: 'command=cat&stdin=1&other' });
    await clock.advance(10);
    line.stalled = true;
    one.says([1, 1]);
    expect(one.paused).toBe(true);
    line.stalled = false;
    talk.onDrained();
    expect([one.paused, got().length]).toEqual([false, 1]);
    one.behind = true;
    for (let index = 0; index < 3; index++) send({ data: 'x'.repeat(40) });
    expect(got().at(-1)).toMatchObject({ type: 'ERROR', data: expect.stringContaining('input') as string });
    expect(sockets.map(({ closed }) => closed?.code)).toEqual([1000, undefined]);
    talk.onClosed(1000, '', 'client');
    expect(sockets.map(({ closed }) => closed?.code)).toEqual([1000, 1000]);
  });

  it('[KWIRE-57] what waits is not shown after a right was taken away', async () => {
    const { clock, send, got, last, line, talk, hands } = await connect();
    send({});
    await clock.advance(10);
    line.stalled = true;
    last().says([1, 1]);
    hands.may = () => Promise.reject(forbidden('over'));
    await clock.advance(5_000);
    line.stalled = false;
    talk.onDrained();
    expect(got().map(({ type }) => type)).toEqual(['ERROR']);
  });
});

describe('whatever is said', () => {
  const frame = fc.oneof(
    fc.string(),
    fc.uint8Array({ maxLength: 50 }),
    fc.record({
      type: fc.constantFrom('REQUEST', 'CLOSE', 'DATA'),
      clusterId: fc.constantFrom('c1', '', 'x'),
      path: fc.constantFrom(EXEC, '/api/v1/pods/a/exec', '/x'),
      query: fc.constantFrom('command=cat', 'command=sh', 'token=1'),
      data: fc.oneof(fc.string(), fc.integer()),
    }),
  );

  it('[KWIRE-59] rubbish harms the session that it is said in, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 20 }), async (frames) => {
        const bed = createSessionBed();
        const quiet = await bed.open();
        const quietSocket = bed.last();
        const wild = await bed.open();
        const wildSocket = bed.last();
        const mux = await bed.open('/wsMultiplexer');
        const sent: Frame[] = [];
        for (const one of frames) {
          const text = typeof one === 'string' ? one : one instanceof Uint8Array ? one : JSON.stringify(one);
          wild.talk.onFrame(text);
          sent.push(typeof text === 'string' ? text : [...text]);
          mux.talk.onFrame(text);
          await bed.clock.advance(1);
        }
        expect(wildSocket.sent).toEqual(sent);
        quietSocket.says([1, 5]);
        expect([quiet.line.sent, quiet.line.closed, quietSocket.sent]).toEqual([[[1, 5]], undefined, []]);
        expect(mux.line.closed).toBeUndefined();
        for (const { talk } of [quiet, wild, mux]) talk.onClosed(1000, '', 'client');
        await bed.clock.advance(20_000);
        expect(bed.sessions.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

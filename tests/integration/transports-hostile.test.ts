/**
 * The HTTP transports under peers that mean harm, or are merely broken: bodies in crumbs, requests that two readers would read
 * differently, heads without end, half-closed and dropped streams. What is answered, what it costs, and that nothing is left behind.
 */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { until } from '@trunkline/testkit';
import { useBed } from '../support/bed.js';
import { orgKey, orgToken, TWO_ORGS } from '../support/orgs.js';

const bed = useBed(() => ({ config: TWO_ORGS }));

/** A bare socket, what it received so far, and whether the server ended it. */
function raw(text: string) {
  const socket = connect(bed.server.port, '127.0.0.1');
  let received = '';
  let ended = false;
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => (ended = true));
  socket.on('end', () => (ended = true));
  socket.write(text);
  bed.kit.defer(() => void socket.destroy());
  return { socket, received: () => received, ended: () => ended };
}

const statuses = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status ?? '');

async function statusOf(request: string): Promise<string | undefined> {
  const one = raw(request);
  await until(
    `an answer to ${request.slice(0, 60)}`,
    () => one.received().includes('\r\n') || one.ended(),
    20_000,
  );
  one.socket.destroy();
  return statuses(one.received())[0];
}

async function clients(): Promise<number> {
  const { body } = await bed.server.api('info', {}, orgKey('acme'));
  const { nodes } = body.result as { nodes: readonly { num_clients: number }[] };
  return nodes.reduce((sum, node) => sum + node.num_clients, 0);
}

const post = (path: string, body: string, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${more}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const connectFrame = async (): Promise<string> =>
  JSON.stringify({ id: 1, connect: { token: await orgToken('acme', 'ann') } });

describe('hostile requests', () => {
  it('[STREAM-11] a body in crumbs costs its bytes, not its pieces', async () => {
    const { peak: before } = await bed.server.memory();
    const crumbs = '1\r\nx\r\n'.repeat(60_000);
    const head = 'POST /emulation HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n';
    const all = Array.from({ length: 20 }, () => raw(head + crumbs));
    await until(
      'all were read',
      async () => (await statusOf('GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n')) === '404',
      20_000,
    );
    for (const one of all) one.socket.write('1\r\nx\r\n'.repeat(10_000));
    await until('refusals', () => all.every((one) => statuses(one.received())[0] === '413'));
    expect((await bed.server.memory()).peak - before).toBeLessThan(60 * 1024 * 1024);
  });

  it('[STREAM-3] what two readers would read differently is refused, and its connection closed', async () => {
    const frame = await connectFrame();
    for (const [name, head] of Object.entries({
      both: `content-length: ${frame.length}\r\ntransfer-encoding: chunked\r\n`,
      twice: `content-length: ${frame.length}\r\ncontent-length: 1\r\n`,
      signed: `content-length: +${frame.length}\r\n`,
      spaced: `content-length : ${frame.length}\r\n`,
      folded: `x: y\r\n content-length: 3\r\n`,
      notLast: `transfer-encoding: chunked, identity\r\n`,
    })) {
      const one = raw(`POST /connection/http_stream HTTP/1.1\r\nhost: x\r\n${head}\r\n${frame}`);
      await until(name, () => one.ended());
      expect([name, statuses(one.received())]).toEqual([name, ['400']]);
    }
    expect(await clients()).toBe(0);
  });

  it('[STREAM-1] [UNI-1] odd methods, versions and heads are answered, not carried out', async () => {
    const long = 'x'.repeat(20_000);
    for (const [request, status] of [
      ['HEAD /connection/sse HTTP/1.1\r\nhost: x\r\n\r\n', '405'],
      ['GET /connection/http_stream HTTP/1.1\r\nhost: x\r\n\r\n', '405'],
      ['PUT /emulation HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n', '405'],
      ['GET /connection/sse HTTP/1.1\r\nhost: x\r\n\r\n', '400'],
      ['GET /connection/uni_sse HTTP/1.1\r\n\r\n', '400'],
      [`GET /connection/uni_sse HTTP/1.1\r\nhost: x\r\nlast-event-id: ${long}\r\n\r\n`, '431'],
      ['OPTIONS /emulation HTTP/1.1\r\nhost: x\r\n\r\n', '204'],
      ['GET /connection/%00 HTTP/1.1\r\nhost: x\r\n\r\n', '400'],
      [post('/emulation', '{"session":"__proto__","node":"","data":""}'), '404'],
      [post('/emulation', `${'['.repeat(60_000)}`), '400'],
    ] as const)
      expect([request.slice(0, 50), await statusOf(request)]).toEqual([request.slice(0, 50), status]);
  });

  it('[STREAM-4] a connection that was refused something serves the next request', async () => {
    const requests = [
      post('/emulation', 'rubbish'),
      post('/emulation', '{"session":"a","node":"","data":""}'),
      'GET /emulation HTTP/1.1\r\nhost: x\r\n\r\n',
      post('/connection/http_stream', await connectFrame()),
    ];
    const one = raw(requests.join(''));
    await until('all', () => one.received().includes('"connect"'));
    expect(statuses(one.received())).toEqual(['400', '404', '405', '200']);
  });

  it('[STREAM-2] a peer of HTTP/1.0 gets its stream until the end of the connection', async () => {
    const frame = await connectFrame();
    const one = raw(
      `POST /connection/http_stream HTTP/1.0\r\ncontent-length: ${frame.length}\r\n\r\n${frame}`,
    );
    await until('connected', () => one.received().includes('"connect"'));
    expect(one.received()).not.toMatch(/transfer-encoding/i);
    one.socket.end();
    await until('a half-closed stream ends', () => one.ended());
    await until('and is forgotten', async () => (await clients()) === 0);
  });

  it('[UNI-5] [WALL-1] an id that names channels of others gives nothing of them', async () => {
    const token = await orgToken('acme', 'ann');
    await bed.server.api('publish', { channel: 'open:theirs', data: 'secret' }, orgKey('globex'));
    const id = encodeURIComponent('open:theirs') + '=.0&' + encodeURIComponent('open:mine') + '=.0';
    const one = raw(
      `GET /connection/uni_sse?channel=open:mine&token=${token} HTTP/1.1\r\nhost: x\r\nlast-event-id: ${id}\r\n\r\n`,
    );
    await until('subscribed', () => one.received().includes('"subscribe"'));
    expect(one.received()).not.toContain('secret');
    expect(one.received()).not.toContain('theirs');
  });

  it('[STREAM-9] [WS-6] 600 streams that were opened and dropped leave nothing behind', async () => {
    const token = await orgToken('acme', 'ann');
    const frame = await connectFrame();
    const opens = [
      post('/connection/http_stream', frame),
      `GET /connection/sse?cf_connect=${encodeURIComponent(frame)} HTTP/1.1\r\nhost: x\r\n\r\n`,
      `GET /connection/uni_sse?channel=open:many&token=${token} HTTP/1.1\r\nhost: x\r\n\r\n`,
    ];
    let rss = 0;
    for (let round = 0; round < 3; round++) {
      const all = Array.from({ length: 200 }, (_, n) => raw(opens[n % 3] ?? ''));
      await until('open', async () => (await clients()) === 200);
      for (const [n, one] of all.entries()) {
        if (n % 2 === 0) one.socket.resetAndDestroy();
        else one.socket.destroy();
      }
      await until('gone', async () => (await clients()) === 0);
      const now = (await bed.server.memory()).rss;
      if (round === 1) rss = now;
      if (round === 2) expect(now - rss).toBeLessThan(40 * 1024 * 1024);
    }
  });
});

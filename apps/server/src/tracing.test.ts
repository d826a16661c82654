import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@trunkline/base';
import { openRawClient, until } from '@trunkline/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServer } from './compose.js';
import { loadConfig } from './config/load.js';
import { openTracing } from './tracing.js';

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number };
}
interface OtlpSpan {
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number; readonly message?: string };
}
interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

let collector: Server;
let cwd: string;
const spans: OtlpSpan[] = [];
const authorizations = new Set<string | undefined>();

beforeEach(async () => {
  spans.length = 0;
  authorizations.clear();
  cwd = mkdtempSync(join(tmpdir(), 'trunkline-tracing-'));
  collector = createHttpServer((request, response) => {
    let body = '';
    authorizations.add(request.headers.authorization);
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      for (const { scopeSpans } of (JSON.parse(body) as OtlpBody).resourceSpans)
        for (const scope of scopeSpans) spans.push(...scope.spans);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));
  rmSync(cwd, { recursive: true, force: true });
});

const endpoint = (): string => `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
const named = (name: string): OtlpSpan | undefined => spans.find((span) => span.name === name);
const text = (span: OtlpSpan | undefined, key: string): unknown =>
  span?.attributes.find((attribute) => attribute.key === key)?.value.stringValue;

const OPTIONS = { headers: {}, sampleRatio: 1, serviceName: 'trunkline', version: '1', nodeId: 'n1' };
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`;

describe('traces', () => {
  it('[TRACE-1] [TRACE-2] commands and calls of the API reach a collector, under the parent they name', async () => {
    const flags = [
      '--port',
      '0',
      '--dev',
      '--tracing.endpoint',
      endpoint(),
      '--tracing.authorization',
      'Bearer c',
    ];
    const server = createServer(loadConfig({ cwd, flags }), { logger: silentLogger });
    const started = await server.start();
    const client = await openRawClient(`${started.url.replace('http', 'ws')}/connection/websocket`);
    try {
      await client.connect();
      await client.request({ subscribe: { channel: 'public:a-private-name' } });
      await client.request({ subscribe: { channel: 'node:nobody' } });
      const { apiKey } = JSON.parse(readFileSync(started.stateFile ?? '', 'utf8')) as { apiKey: string };
      const answer = await fetch(`${started.url}/api/publish`, {
        method: 'POST',
        headers: { 'x-api-key': apiKey, traceparent: PARENT },
        body: JSON.stringify({ channel: 'public:x', data: {} }),
      });
      expect(answer.status).toBe(200);
    } finally {
      client.dispose();
      await server.stop();
    }
    const subscribes = spans.filter((span) => span.name === 'subscribe');
    expect(subscribes.map((span) => text(span, 'trunkline.namespace')).sort()).toEqual(['node', 'public']);
    expect(subscribes.map((span) => span.status.code ?? 0).sort()).toEqual([0, 2]);
    expect(text(subscribes[0], 'trunkline.org')).toBe('dev');
    expect(JSON.stringify(spans)).not.toContain('a-private-name');
    expect(named('api publish')).toMatchObject({ traceId: TRACE_ID, parentSpanId: 'b7ad6b7169203331' });
    expect([...authorizations]).toEqual(['Bearer c']);
  });

  it('[TRACE-2] a parent that cannot be read counts as none', async () => {
    const tracing = await openTracing(silentLogger, { ...OPTIONS, endpoint: endpoint() });
    for (const parent of ['', 'rubbish', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, PARENT])
      tracing.tracer.start('work', {}, parent).end();
    await tracing.dispose();
    expect(spans.map((span) => span.parentSpanId ?? '')).toEqual(['', '', '', 'b7ad6b7169203331']);
  });

  it('[TRACE-5] hostile text costs its own span nothing, nor the batch it travels in', async () => {
    const tracing = await openTracing(silentLogger, { ...OPTIONS, endpoint: endpoint() });
    const hostile = `\ud800${'x'.repeat(100_000)}`;
    const span = tracing.tracer.start(hostile, { hostile, count: 1 });
    span.set({ more: 'half \ud83d' });
    span.fail(100, hostile);
    span.end();
    await tracing.dispose();
    const [sent] = spans;
    const clean = `\ufffd${'x'.repeat(255)}`;
    expect(sent?.name).toBe(clean);
    expect(text(sent, 'hostile')).toBe(clean);
    expect(text(sent, 'more')).toBe('half \ufffd');
    expect(sent?.status).toMatchObject({ code: 2, message: clean });
  });

  it('[TRACE-3] a share of the traces begun here is kept, and all of a sampled parent', async () => {
    const tracing = await openTracing(silentLogger, { ...OPTIONS, endpoint: endpoint(), sampleRatio: 0 });
    tracing.tracer.start('own', {}).end();
    tracing.tracer.start('followed', {}, PARENT).end();
    await tracing.dispose();
    expect(spans.map((span) => span.name)).toEqual(['followed']);
  });

  it('[TRACE-3] a collector that is away costs spans and nothing else', async () => {
    const tracing = await openTracing(silentLogger, { ...OPTIONS, endpoint: 'http://127.0.0.1:9/v1/traces' });
    for (let n = 0; n < 10_000; n++) {
      const span = tracing.tracer.start('work', { n });
      span.fail(100, 'internal server error');
      span.end();
    }
    await expect(tracing.dispose()).resolves.toBeUndefined();
    await until('nothing came', () => spans.length === 0);
  });
});

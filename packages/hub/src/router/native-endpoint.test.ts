import type { Codec } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { resolveHubOptions } from '../options.js';
import type { OpenDecision, OpenRequest } from '../ports/endpoint.js';
import { TEST_REQUEST } from '../testing.js';
import { createNativeEndpoints } from './native-endpoint.js';

const codecs = { json: { name: 'json' } as Codec, protobuf: { name: 'protobuf' } as Codec };
const endpoints = createNativeEndpoints(codecs, resolveHubOptions({}));

function open(path: string, request: Partial<OpenRequest>): OpenDecision {
  const endpoint = endpoints.find((one) => one.path === path);
  const decision = endpoint?.open({ ...TEST_REQUEST, path, ...request }, new AbortController().signal);
  return decision as OpenDecision;
}

const accepted = (decision: OpenDecision): unknown =>
  decision.kind === 'accept' ? [decision.codec.name, decision.subprotocol] : decision.kind;

describe('the native endpoints', () => {
  it('[WS-19] sub-protocol, then query, then JSON', () => {
    const at = (subprotocols: readonly string[], query = ''): unknown =>
      accepted(open('/connection/websocket', { subprotocols, query: new URLSearchParams(query) }));
    expect(at([])).toEqual(['json', undefined]);
    expect(at(['centrifuge-json'])).toEqual(['json', 'centrifuge-json']);
    expect(at(['other', 'centrifuge-protobuf'])).toEqual(['protobuf', 'centrifuge-protobuf']);
    expect(at([], 'cf_protocol=protobuf')).toEqual(['protobuf', undefined]);
    expect(at(['centrifuge-json'], 'cf_protocol=protobuf')).toEqual(['json', 'centrifuge-json']);
  });

  it('[STREAM-1] the content type of the body chooses the codec, else what is accepted', () => {
    const at = (headers: Readonly<Record<string, string>>): unknown =>
      accepted(open('/connection/http_stream', { method: 'POST', headers }));
    expect(at({})).toEqual(['json', undefined]);
    expect(at({ 'content-type': 'application/json' })).toEqual(['json', undefined]);
    expect(at({ 'content-type': 'Application/Octet-Stream; x=y' })).toEqual(['protobuf', undefined]);
    expect(at({ accept: 'application/octet-stream' })).toEqual(['protobuf', undefined]);
    expect(at({ 'content-type': 'application/json', accept: 'application/octet-stream' })).toEqual([
      'json',
      undefined,
    ]);
  });

  it('[STREAM-1] SSE takes its first frame from the query, or is refused', () => {
    const query = new URLSearchParams([['cf_connect', '{"id":1,"connect":{}}']]);
    expect(open('/connection/sse', { query })).toMatchObject({ firstFrame: '{"id":1,"connect":{}}' });
    expect(open('/connection/sse', {})).toMatchObject({ kind: 'refuse', status: 400 });
  });

  it('[WS-3] [STREAM-8] each refuses foreign origins', () => {
    for (const { path } of endpoints)
      expect(open(path, { originAllowed: false })).toMatchObject({ kind: 'refuse', status: 403 });
  });
});

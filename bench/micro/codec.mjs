#!/usr/bin/env node
/** The JSON codec alone: what one publication costs to encode, what commands cost to decode. `node bench/micro/codec.mjs` */
import { createJsonCodec } from '@trunkline/protocol/json';
import { DEFAULT_PROTOCOL_LIMITS } from '@trunkline/protocol';
import { buildPayload, nowUs } from '../lib/payload.mjs';
import { time } from './measure.mjs';

const codec = createJsonCodec();
const limits = {
  maxCommands: DEFAULT_PROTOCOL_LIMITS.maxCommandsPerFrame,
  maxDepth: DEFAULT_PROTOCOL_LIMITS.maxDepth,
};
const data = buildPayload(1, nowUs());
const publication = { offset: 12_345, data };
const rich = {
  ...publication,
  tags: { room: 'a', kind: 'b' },
  info: { user: 'u1', client: 'c1' },
  timeMs: 1_700_000_000_000,
};
const documents = Array.from({ length: 10 }, (_, index) =>
  codec.encodePublication('bench:c0', { offset: index + 1, data }),
);

const connect = '{"id":1,"connect":{"token":"u1","name":"bench"}}';
const subscribe = '{"id":2,"subscribe":{"channel":"bench:c0","recover":true,"epoch":"abcd","offset":17}}';
const many = Array.from(
  { length: 1_000 },
  (_, index) => `{"id":${index + 2},"subscribe":{"channel":"bench:c${index}"}}`,
).join('\n');

time('encode publication, 200 B', () => codec.encodePublication('bench:c0', publication));
time('encode publication, 200 B with tags, info and time', () => codec.encodePublication('bench:c0', rich));
time('join 10 publications, per publication', () => codec.join(documents), 10);
time('decode connect', () => codec.decode(connect, limits));
time('decode subscribe with position', () => codec.decode(subscribe, limits));
time('decode 1,000 subscribes in one frame, per command', () => codec.decode(many, limits), 1_000);
time('decode pong', () => codec.decode('{}', limits));

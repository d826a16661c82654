#!/usr/bin/env node
/**
 * The Protobuf codec against the two libraries that could have been it, on the frames that count: a publication of 200 bytes of JSON
 * out, a publish command of the same and a burst of subscribes in. The libraries get wire.proto and do the codec's whole job: from the
 * model to bytes, and from bytes to fields with the payload judged. The JSON codec stands beside them. `node bench/micro/protobuf.mjs`
 */
import { readFileSync } from 'node:fs';
import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { DEFAULT_PROTOCOL_LIMITS, utf8 } from '@trunkline/protocol';
import { createJsonCodec } from '@trunkline/protocol/json';
import { createProtobufCodec } from '@trunkline/protocol/protobuf';
import protobufjs from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { buildPayload, nowUs } from '../lib/payload.mjs';
import { readConditions } from '../lib/conditions.mjs';
import { compare } from './measure.mjs';

const schema = readFileSync(
  new URL('../../packages/protocol/src/protobuf/wire.proto', import.meta.url),
  'utf8',
);
const { root } = protobufjs.parse(schema, { keepCase: true });
root.resolveAll();
const Reply = root.lookupType('trunkline.wire.Reply');
const Command = root.lookupType('trunkline.wire.Command');

const set = root.toDescriptor('proto3');
for (const { messageType } of set.file) for (const type of messageType) nameInFull(type, '.trunkline.wire');
const files = descriptor.FileDescriptorSet.encode(set).finish();
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, files));
const ReplySchema = registry.getMessage('trunkline.wire.Reply');
const CommandSchema = registry.getMessage('trunkline.wire.Command');

const ours = createProtobufCodec();
const json = createJsonCodec();
const limits = {
  maxCommands: DEFAULT_PROTOCOL_LIMITS.maxCommandsPerFrame,
  maxDepth: DEFAULT_PROTOCOL_LIMITS.maxDepth,
};
const decoder = new TextDecoder('utf-8', { fatal: true });

/** One library writes the names of types short, the other wants them in full. */
function nameInFull({ name, field, nestedType }, scope) {
  for (const one of field)
    if (one.typeName)
      one.typeName = nestedType.some((entry) => entry.name === one.typeName)
        ? `${scope}.${name}.${one.typeName}`
        : `.trunkline.wire.${one.typeName}`;
  for (const entry of nestedType) nameInFull(entry, `${scope}.${name}`);
}

/** What every reader of a payload has to find out: is it JSON text. */
function judge(bytes) {
  const text = decoder.decode(bytes);
  JSON.parse(text);
  return text;
}

const data = buildPayload(1, nowUs());
const channel = 'bench:c0';
const bare = { offset: 12_345, data };
const rich = {
  ...bare,
  tags: { region: 'a', kind: 'b' },
  info: { user: 'u1', client: 'c1' },
  timeMs: 1_700_000_000_000,
};

/** The model's publication as the schema has it. */
function toMessage({ offset, data: text, tags, info, timeMs }) {
  const pub = { data: utf8(text), offset };
  if (tags) pub.tags = tags;
  if (info) pub.info = info;
  if (timeMs) pub.time = timeMs;
  return pub;
}

function bufbuildEncode(publication) {
  const pub = toMessage(publication);
  // Its 64-bit fields are bigints.
  const message = { push: { channel, pub: { ...pub, offset: BigInt(pub.offset) } } };
  if (pub.time) message.push.pub.time = BigInt(pub.time);
  return new BinaryWriter().bytes(toBinary(ReplySchema, create(ReplySchema, message))).finish();
}

function protobufjsDecode(frame) {
  const reader = protobufjs.Reader.create(frame);
  const commands = [];
  while (reader.pos < reader.len) commands.push(Command.decodeDelimited(reader));
  return commands;
}

function bufbuildDecode(frame) {
  const reader = new BinaryReader(frame);
  const commands = [];
  while (reader.pos < reader.len) commands.push(fromBinary(CommandSchema, reader.bytes()));
  return commands;
}

for (const [title, publication] of [
  ['encode publication, 200 B', bare],
  ['encode publication, 200 B with tags, info and time', rich],
]) {
  compare(title, {
    'by hand': () => ours.encodePublication(channel, publication),
    protobufjs: () => Reply.encodeDelimited({ push: { channel, pub: toMessage(publication) } }).finish(),
    '@bufbuild/protobuf': () => bufbuildEncode(publication),
    'JSON codec': () => json.encodePublication(channel, publication),
  });
}

const publish = { id: 7, publish: { channel, data } };
const frame = Command.encodeDelimited({ id: 7, publish: { channel, data: utf8(data) } }).finish();
const text = JSON.stringify({ ...publish, publish: { channel, data: JSON.parse(data) } });
compare('decode publish, 200 B', {
  'by hand': () => ours.decode(frame, limits),
  protobufjs: () => judge(protobufjsDecode(frame)[0].publish.data),
  '@bufbuild/protobuf': () => judge(bufbuildDecode(frame)[0].publish.data),
  'JSON codec': () => json.decode(text, limits),
});

const many = Array.from({ length: 1_000 }, (_, index) => ({
  id: index + 2,
  subscribe: { channel: `bench:c${index}`, recover: true, epoch: 'abcd', offset: 17 },
}));
const burst = Buffer.concat(many.map((command) => Command.encodeDelimited(command).finish()));
const lines = many.map((command) => JSON.stringify(command)).join('\n');
compare('decode 1,000 subscribes in one frame', {
  'by hand': () => ours.decode(burst, limits),
  protobufjs: () => protobufjsDecode(burst),
  '@bufbuild/protobuf': () => bufbuildDecode(burst),
  'JSON codec': () => json.decode(lines, limits),
});

const { date, cpu, cores, node, loadBefore } = readConditions();
process.stdout.write(`${date}, ${cores} × ${cpu}, Node ${node}, load ${loadBefore}\n`);

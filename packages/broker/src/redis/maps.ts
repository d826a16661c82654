/** Maps in Redis: the arguments of their scripts, and what the answers mean. */
import type { Buffer } from 'node:buffer';
import { randomId } from '@trunkline/base';
import { CodedError, type ChannelKey, type Payload } from '@trunkline/protocol';
import type {
  HistoryFilter,
  HistoryOutcome,
  MapPublishOptions,
  MapPublishOutcome,
  MapStatePage,
} from '../broker.js';
import {
  bound,
  filterArguments,
  integer,
  milliseconds,
  toHistory,
  toPosition,
  type RawHistory,
  type RawNumber,
} from './answers.js';
import { script, type Argument, type Script } from './link.js';
import { decodeBody, encodeBody, toField } from './message.js';
import { MAP_CLEAR, MAP_EXPIRE, MAP_PUBLISH, MAP_REMOVE, MAP_STATE, MAP_STREAM } from './scripts.js';
import { EPOCH_LENGTH, type EngineParts } from './streams.js';

const SCRIPTS = {
  publish: script(MAP_PUBLISH),
  remove: script(MAP_REMOVE),
  state: script(MAP_STATE),
  stream: script(MAP_STREAM),
  clear: script(MAP_CLEAR),
  expire: script(MAP_EXPIRE),
} as const;

/** Entries removed by one script: a long one holds up everybody on the server. */
const CLEAR_BATCH = 500;
/** Maps looked at in one step of the sweep. */
const SWEEP_BATCH = 100;
const SPACE = 0x20;

type Answer = [state: number, epoch: Buffer, offset: RawNumber, detail: Buffer];
/** States of an answer, as the scripts number them. */
const APPLIED = 0;
const DEDUPLICATED = 1;
const UNEXPECTED = 2;

export async function mapPublish(
  parts: EngineParts,
  key: ChannelKey,
  entryKey: string,
  data: Payload,
  options: MapPublishOptions,
): Promise<MapPublishOutcome> {
  if (entryKey === '') throw new CodedError('badRequest', 'key must not be empty');
  const { tags, info } = options;
  return change(parts, SCRIPTS.publish, key, entryKey, options, [
    options.keyTtlMs > 0 ? milliseconds(options.keyTtlMs) : 0,
    options.renew === true ? 1 : 0,
    bound(options.maxKeys),
    encodeBody({ data, key: entryKey, tags, info }),
  ]);
}

export function mapRemove(
  parts: EngineParts,
  key: ChannelKey,
  entryKey: string,
  options: MapPublishOptions,
): Promise<MapPublishOutcome> {
  return change(parts, SCRIPTS.remove, key, entryKey, options, [json(options.tags), json(options.info)]);
}

async function change(
  { link, keys, random, own, idempotencyTtlMs }: EngineParts,
  one: Script,
  key: ChannelKey,
  entryKey: string,
  options: MapPublishOptions,
  rest: readonly Argument[],
): Promise<MapPublishOutcome> {
  const channel = keys.channel(key);
  const [state, epoch, offset, detail] = await own.send(
    link.listens(channel),
    (id) =>
      link.run(one, keys.map(key), [
        channel,
        key,
        keys.idempotency('I', key, options.idempotencyKey),
        milliseconds(options.idempotencyTtlMs ?? idempotencyTtlMs),
        randomId(random, EPOCH_LENGTH),
        milliseconds(options.metaTtlMs),
        toField(entryKey),
        options.expect ?? '',
        id,
        bound(options.streamSize),
        milliseconds(options.streamTtlMs),
        ...rest,
      ]) as Promise<Answer>,
    ([outcome, , , said]) => outcome === APPLIED && said.length === 0,
  );
  const position = toPosition(epoch, offset);
  switch (state) {
    case APPLIED:
      return { position, deduplicated: false, applied: true };
    case DEDUPLICATED:
      return { position, deduplicated: true, applied: true };
    case UNEXPECTED: {
      const refusal = { position, deduplicated: false, applied: false };
      return detail.length === 0 ? refusal : { ...refusal, current: toEntry(detail) };
    }
    default:
      throw new CodedError('limitExceeded', `maxKeys ${options.maxKeys}`);
  }
}

export async function mapState(
  { link, keys, random }: EngineParts,
  key: ChannelKey,
  { cursor, limit, maxBytes }: { readonly cursor: string; readonly limit: number; readonly maxBytes: number },
  metaTtlMs: number,
): Promise<MapStatePage> {
  const [epoch, top, more, values] = (await link.run(SCRIPTS.state, keys.map(key), [
    keys.channel(key),
    key,
    randomId(random, EPOCH_LENGTH),
    milliseconds(metaTtlMs),
    toField(cursor),
    limit === Infinity ? '' : bound(limit),
    maxBytes === Infinity ? '' : bound(maxBytes),
  ])) as [Buffer, RawNumber, number, Buffer[]];
  const entries = values.map(toEntry);
  return { entries, cursor: more === 1 ? (entries.at(-1)?.key ?? '') : '', position: toPosition(epoch, top) };
}

export async function mapStream(
  { link, keys, random }: EngineParts,
  key: ChannelKey,
  filter: HistoryFilter,
  metaTtlMs: number,
): Promise<HistoryOutcome> {
  const answer = await link.run(SCRIPTS.stream, keys.map(key), [
    keys.channel(key),
    key,
    randomId(random, EPOCH_LENGTH),
    milliseconds(metaTtlMs),
    ...filterArguments(filter),
  ]);
  return toHistory(answer as RawHistory);
}

/** Large maps are cleared in several steps; what is written meanwhile may be cleared too. */
export async function mapClear(
  { link, keys, random, own, idempotencyTtlMs }: EngineParts,
  key: ChannelKey,
  options: MapPublishOptions,
): Promise<void> {
  const channel = keys.channel(key);
  const remembered = keys.idempotency('I', key, options.idempotencyKey);
  if (remembered !== '' && (await link.call('EXISTS', remembered)) === 1) return;
  for (;;) {
    const [left, epoch, offset] = await own.send(
      link.listens(channel),
      (id) =>
        link.run(SCRIPTS.clear, keys.map(key), [
          channel,
          key,
          json(options.tags),
          json(options.info),
          bound(options.streamSize),
          milliseconds(options.streamTtlMs),
          milliseconds(options.metaTtlMs),
          id,
          CLEAR_BATCH,
          randomId(random, EPOCH_LENGTH),
        ]) as Promise<[number, Buffer, RawNumber, number]>,
      ([, , , removed]) => removed > 0,
    );
    if (left > 0) continue;
    if (remembered !== '') {
      const position = toPosition(epoch, offset);
      const ttl = milliseconds(options.idempotencyTtlMs ?? idempotencyTtlMs);
      await link.call('SET', remembered, `${position.epoch} ${position.offset}`, 'PX', ttl);
    }
    return;
  }
}

/** Removes keys that ran out, of maps that nobody looks at. Any node may; together they do it once. Throws where Redis does not answer. */
export async function sweepMaps({ link, keys }: EngineParts): Promise<void> {
  for (;;) {
    const [seconds, micros] = (await link.call('TIME')) as [Buffer, Buffer];
    const now = integer(seconds) * 1_000 + Math.floor(integer(micros) / 1_000);
    const due = (await link.call(
      'ZRANGEBYSCORE',
      keys.mapIndex,
      '-inf',
      now,
      'LIMIT',
      0,
      SWEEP_BATCH,
    )) as Buffer[];
    const swept = await Promise.allSettled(
      due.map((name) => {
        const key = name.toString('utf8') as ChannelKey;
        return link.run(SCRIPTS.expire, keys.map(key), [keys.channel(key), key]);
      }),
    );
    const failed = swept.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
    // Each map that was swept whole is out of the index, or later in it.
    const rest = swept.some((one) => one.status === 'fulfilled' && one.value !== 0);
    if (due.length < SWEEP_BATCH && !rest) return;
  }
}

/** `<offset> <body>`. */
function toEntry(value: Buffer) {
  const space = value.indexOf(SPACE);
  return decodeBody(value.subarray(space + 1), integer(value.subarray(0, space)));
}

function json(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value);
}

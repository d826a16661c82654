/** Streams in Redis: publish, carry, history. */
import type { Buffer } from 'node:buffer';
import { randomId, type Random } from '@trunkline/base';
import type { ChannelKey, ClientInfo, Payload, Publication } from '@trunkline/protocol';
import type { HistoryFilter, HistoryOutcome, PublishOptions, PublishOutcome } from '../broker.js';
import {
  bound,
  filterArguments,
  milliseconds,
  toHistory,
  toPosition,
  type RawHistory,
  type RawNumber,
} from './answers.js';
import type { Keys } from './keys.js';
import { script, type RedisLink } from './link.js';
import { encodeBody, encodeMessage, withTime } from './message.js';
import type { OwnMessages } from './own-messages.js';
import { HISTORY, PUBLISH } from './scripts.js';

/** Characters of an epoch. */
export const EPOCH_LENGTH = 12;

const SCRIPTS = { publish: script(PUBLISH), history: script(HISTORY) } as const;

export interface EngineParts {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly random: Random;
  readonly own: OwnMessages;
  readonly idempotencyTtlMs: number;
}

export async function publish(
  { link, keys, random, own, idempotencyTtlMs }: EngineParts,
  key: ChannelKey,
  data: Payload,
  options: PublishOptions,
): Promise<PublishOutcome> {
  const channel = keys.channel(key);
  const body = encodeBody({ data, tags: options.tags, info: options.info });
  const [deduplicated, epoch, offset] = await own.send(
    link.listens(channel),
    (id) =>
      link.run(SCRIPTS.publish, keys.stream(key), [
        keys.idempotency('i', key, options.idempotencyKey),
        milliseconds(options.idempotencyTtlMs ?? idempotencyTtlMs),
        randomId(random, EPOCH_LENGTH),
        bound(options.historySize),
        milliseconds(options.historyTtlMs),
        milliseconds(options.metaTtlMs),
        channel,
        id,
        body,
      ]) as Promise<[number, Buffer, RawNumber]>,
    ([repeated]) => repeated === 0,
  );
  return { position: toPosition(epoch, offset), deduplicated: deduplicated === 1 };
}

export async function carry(
  { link, keys, own }: EngineParts,
  key: ChannelKey,
  publication: Publication,
  epoch: string,
): Promise<void> {
  const channel = keys.channel(key);
  const body = withTime(encodeBody(publication), publication.timeMs ?? 0);
  await own.send(link.listens(channel), (id) =>
    link.call('PUBLISH', channel, encodeMessage('p', id, epoch, publication.offset, body)),
  );
}

export async function announce(
  { link, keys, own }: EngineParts,
  kind: 'j' | 'l',
  key: ChannelKey,
  info: ClientInfo,
): Promise<void> {
  const channel = keys.channel(key);
  const body = withTime(encodeBody({ data: '', info }), 0);
  await own.send(link.listens(channel), (id) =>
    link.call('PUBLISH', channel, encodeMessage(kind, id, '', 0, body)),
  );
}

export async function history(
  { link, keys, random }: EngineParts,
  key: ChannelKey,
  filter: HistoryFilter,
  metaTtlMs: number,
): Promise<HistoryOutcome> {
  const answer = await link.run(SCRIPTS.history, keys.stream(key), [
    randomId(random, EPOCH_LENGTH),
    milliseconds(metaTtlMs),
    ...filterArguments(filter),
  ]);
  return toHistory(answer as RawHistory);
}

export async function removeHistory({ link, keys }: EngineParts, key: ChannelKey): Promise<void> {
  const [, stream] = keys.stream(key);
  await link.call('DEL', stream);
}

/**
 * Publishing into a channel, for clients and for the server API alike: one path from a resolved namespace to the broker, or, for durable
 * channels, to the log.
 */
import type { MapPublishOptions, MapPublishOutcome, PublishOutcome } from '@trunkline/broker';
import {
  CodedError,
  splitChannelKey,
  type ChannelKey,
  type ClientInfo,
  type Payload,
  type Tags,
} from '@trunkline/protocol';
import type { Namespace } from '../channels/namespaces.js';
import type { RouterDeps } from './deps.js';

export interface PublishRequest {
  readonly key: ChannelKey;
  readonly namespace: Namespace;
  readonly data: Payload;
  readonly tags?: Tags;
  readonly info?: ClientInfo;
  readonly idempotencyKey?: string;
  readonly skipHistory?: boolean;
}

export interface MapWriteRequest extends PublishRequest {
  readonly entryKey: string;
  readonly removed: boolean;
  readonly expect?: 'absent' | number;
}

type Deps = Pick<RouterDeps, 'broker' | 'clients' | 'durableLog' | 'options'>;

export function publishStream(deps: Deps, request: PublishRequest): Promise<PublishOutcome> {
  const { options } = request.namespace;
  requireQuota(deps, request);
  if (options.class === 'durable' && request.namespace.module === undefined)
    return appendDurable(deps, request);
  if (options.class !== 'live')
    throw new CodedError('notAvailable', 'only its module publishes to this channel');
  if (options.type !== 'stream')
    throw new CodedError('badRequest', 'this channel is a map: publish with a key');
  requireSize(deps, request.data);
  return deps.broker.publish(request.key, request.data, {
    historySize: request.skipHistory ? 0 : options.historySize,
    historyTtlMs: options.historyTtlMs,
    metaTtlMs: options.metaTtlMs,
    ...common(deps, request),
  });
}

export function writeMap(deps: Deps, request: MapWriteRequest): Promise<MapPublishOutcome> {
  const { options } = request.namespace;
  requireQuota(deps, request);
  if (options.class !== 'live')
    throw new CodedError('notAvailable', 'only its module publishes to this channel');
  if (options.type !== 'map')
    throw new CodedError('badRequest', 'this channel is not a map: publish without a key');
  if (request.entryKey === '' || request.entryKey.length > 255)
    throw new CodedError('badRequest', 'key must be 1 to 255 characters');
  requireSize(deps, request.data);
  const write: MapPublishOptions = {
    streamSize: options.map.streamSize,
    streamTtlMs: options.map.streamTtlMs,
    metaTtlMs: options.metaTtlMs,
    keyTtlMs: options.map.keyTtlMs,
    maxKeys: options.map.maxKeys,
    ...common(deps, request),
    ...(request.expect === undefined ? {} : { expect: request.expect }),
  };
  return request.removed
    ? deps.broker.mapRemove(request.key, request.entryKey, write)
    : deps.broker.mapPublish(request.key, request.entryKey, request.data, write);
}

/** Committed before it is answered; the log's outbox hands it to the broker. */
function appendDurable(deps: Deps, request: PublishRequest): Promise<PublishOutcome> {
  const { durableLog } = deps;
  const { historySize, historyTtlMs } = request.namespace.options;
  if (!durableLog?.append) throw new CodedError('notAvailable', 'only its module publishes to this channel');
  if (request.skipHistory === true)
    throw new CodedError('badRequest', 'skip_history: a durable channel keeps what is published');
  requireSize(deps, request.data);
  const publication = {
    data: request.data,
    historySize,
    historyTtlMs,
    ...(request.tags ? { tags: request.tags } : {}),
    ...(request.info ? { info: request.info } : {}),
  };
  return durableLog.append(request.key, publication, request.idempotencyKey);
}

function common(deps: Deps, request: PublishRequest) {
  return {
    ...(request.tags ? { tags: request.tags } : {}),
    ...(request.info ? { info: request.info } : {}),
    ...(request.idempotencyKey === undefined
      ? {}
      : { idempotencyKey: request.idempotencyKey, idempotencyTtlMs: deps.options.idempotencyTtlMs }),
  };
}

/** Modules answer for what they publish themselves. */
function requireQuota({ clients }: Deps, { key, namespace }: PublishRequest): void {
  if (namespace.module === undefined) clients.takePublication(splitChannelKey(key).org);
}

function requireSize(deps: Deps, data: Payload): void {
  const max = deps.options.limits.maxPublicationBytes;
  // A UTF-16 unit is at most three bytes: only text near the limit is measured exactly.
  const bytes =
    typeof data === 'string'
      ? data.length * 3 <= max
        ? data.length
        : new TextEncoder().encode(data).length
      : data.length;
  if (bytes > max)
    throw new CodedError('limitExceeded', `data is ${bytes} bytes, at most ${max} are allowed`);
}

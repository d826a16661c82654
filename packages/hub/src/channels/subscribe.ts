/**
 * Subscribing: from a request to a result and the moment from which publications flow. The reader buffers from before its position is read
 * until after its reply is queued, so nothing falls between the two (spec CONT-1). Streams are one step; maps are pages of
 * state, then live, with a session between the pages.
 */
import {
  CodedError,
  type ChannelKey,
  type MapPhase,
  type Position,
  type Publication,
} from '@trunkline/protocol';
import type { Counters } from '../connection/counters.js';
import type { Delivery } from '../delivery/delivery.js';
import type { HubOptions } from '../options.js';
import type { UnrecoveredReason } from '../ports/diagnosis.js';
import type { Channel } from './channel.js';
import type { Channels } from './channels.js';
import { inForms, type Read } from './delta-reply.js';
import type { Namespace } from './namespaces.js';
import { decideCacheRecovery, decideRecovery, type Recovery } from './recovery.js';

export interface SubscribeDeps {
  readonly channels: Channels;
  readonly options: HubOptions;
  readonly counters: Counters;
}

export interface StreamRequest {
  readonly key: ChannelKey;
  readonly namespace: Namespace;
  readonly reader: Delivery;
  readonly recover?: Position;
  readonly rejectUnrecovered: boolean;
}

export interface Subscribed {
  readonly channel: Channel;
  readonly position: Position;
  readonly publications: readonly Publication[];
  readonly state: readonly Publication[];
  readonly wasRecovering: boolean;
  readonly recovered: boolean;
  /** Why a stream's position could not be continued; absent where it was, or none was given. */
  readonly unrecovered?: UnrecoveredReason;
  readonly phase: MapPhase;
  readonly cursor: string;
}

const NOWHERE: Position = { epoch: '', offset: 0 };

/** Throws `limitExceeded`, `unrecoverablePosition` (only where asked to), `sourceUnavailable`. */
export async function subscribeStream(deps: SubscribeDeps, request: StreamRequest): Promise<Subscribed> {
  const { namespace, reader, recover } = request;
  const channel = await deps.channels.enter(request.key, namespace, reader);
  if (!channel.origin) {
    const nowhere = { ...LIVE, channel, position: NOWHERE, wasRecovering: recover !== undefined };
    return inForms<Subscribed>(reader, nowhere, nothingRead(NOWHERE));
  }
  const cache = namespace.options.recoveryMode === 'cache';
  const limit = recover === undefined ? 0 : cache ? 1 : deps.options.recoveryMaxPublications + 1;
  const history = await channel.origin.read(cache ? undefined : recover, limit, cache);
  channel.learn(history.position);
  refuseOverflowed(reader);
  const { position } = history;
  if (recover === undefined)
    return inForms<Subscribed>(reader, { ...LIVE, channel, position }, nothingRead(position));
  const recovery = cache
    ? decideCacheRecovery(recover, history)
    : decideRecovery(recover, history, recoveryLimits(deps.options));
  count(deps.counters, recovery);
  if (!recovery.recovered && request.rejectUnrecovered)
    throw new CodedError('unrecoverablePosition', recovery.reason);
  if (!recovery.recovered) {
    const unrecovered = { ...LIVE, channel, position, wasRecovering: true, unrecovered: recovery.reason };
    return inForms<Subscribed>(reader, unrecovered, nothingRead(position));
  }
  const publications = recovery.publications.filter((publication) => reader.passes(publication));
  const recovered = { ...LIVE, channel, position, publications, wasRecovering: true, recovered: true };
  const completeFrom = recover.offset + 1;
  return inForms<Subscribed>(reader, recovered, {
    publications: recovery.publications,
    asOf: position,
    completeFrom,
  });
}

export interface MapRequest {
  readonly key: ChannelKey;
  readonly namespace: Namespace;
  readonly reader: Delivery;
  readonly phase: MapPhase;
  readonly cursor: string;
  readonly limit: number;
  /** Bytes of a page of state. */
  readonly pageMaxBytes: number;
  readonly recover?: Position;
  readonly since?: Position;
  /** Where the first state page of this session stood; absent on the first. */
  readonly started?: Position;
}

/**
 * One step of a map subscription. A result with phase `state` is a page; the caller keeps the reader (which goes on buffering) and passes
 * `started` with the next page. A result with phase `live` is the last. Throws `unrecoverablePosition` where the reader must
 * start with the state again.
 */
export async function subscribeMap(deps: SubscribeDeps, request: MapRequest): Promise<Subscribed> {
  const { namespace, reader, key } = request;
  const channel =
    reader.slot >= 0
      ? requireChannel(deps.channels.find(key))
      : await deps.channels.enter(key, namespace, reader);
  refuseOverflowed(reader);
  if (request.phase !== 'state') return recoverMap(deps, request, channel);
  const { options } = deps;
  const limit =
    request.limit > 0 ? Math.min(request.limit, options.mapPageMaxEntries) : options.mapPageMaxEntries;
  const bounds = { cursor: request.cursor, limit, maxBytes: request.pageMaxBytes };
  const page = await deps.channels.mapState(key, namespace, bounds);
  const started = request.started ?? page.position;
  if (started.epoch !== page.position.epoch) throw new CodedError('unrecoverablePosition', 'epoch');
  channel.learn(page.position);
  refuseOverflowed(reader);
  const state = page.entries.filter((entry) => reader.passes(entry));
  const read = { publications: page.entries, asOf: page.position, completeFrom: 0 };
  if (page.cursor !== '') {
    const { cursor } = page;
    return inForms<Subscribed>(
      reader,
      { ...LIVE, channel, position: started, state, phase: 'state', cursor },
      read,
    );
  }
  const buffered = reader.takeBuffered(started.offset);
  if (!buffered) throw new CodedError('unrecoverablePosition', 'a change was missed while subscribing');
  const reached = { epoch: started.epoch, offset: buffered.lastOffset };
  const late = await readLate(deps, channel, reached, page.position);
  const position = { epoch: started.epoch, offset: late.at(-1)?.offset ?? reached.offset };
  const publications = [
    ...buffered.publications,
    ...late.filter((publication) => reader.passes(publication)),
  ];
  return inForms<Subscribed>(reader, { ...LIVE, channel, position, state, publications }, read);
}

/**
 * What the pages hold already and the broker has not delivered yet. It comes with the state: behind it, entries would go back to older values for a
 * while. Maps that keep no changes have nothing to read.
 */
async function readLate(
  { options }: SubscribeDeps,
  { origin }: Channel,
  reached: Position,
  top: Position,
): Promise<readonly Publication[]> {
  if (!origin || reached.offset >= top.offset) return [];
  const limits = { maxPublications: options.subscribeBufferMax, maxBytes: options.recoveryMaxBytes };
  const history = await origin.read(reached, limits.maxPublications + 1);
  const late = decideRecovery(reached, history, limits);
  if (!late.recovered)
    throw new CodedError('unrecoverablePosition', 'more changes than may be buffered while subscribing');
  return late.publications;
}

async function recoverMap(deps: SubscribeDeps, request: MapRequest, channel: Channel): Promise<Subscribed> {
  const { namespace, reader } = request;
  const from = request.recover ?? request.since;
  if (from === undefined || request.phase === 'live') {
    const { position } = await deps.channels.origin(request.key, namespace).read(undefined, 0);
    channel.learn(position);
    return inForms<Subscribed>(reader, { ...LIVE, channel, position }, nothingRead(position));
  }
  if (!channel.origin) throw new CodedError('unrecoverablePosition', 'the map keeps no changes');
  const history = await channel.origin.read(from, deps.options.recoveryMaxPublications + 1);
  channel.learn(history.position);
  refuseOverflowed(reader);
  const recovery = decideRecovery(from, history, recoveryLimits(deps.options));
  count(deps.counters, recovery);
  if (!recovery.recovered) throw new CodedError('unrecoverablePosition', recovery.reason);
  const publications = recovery.publications.filter((publication) => reader.passes(publication));
  const asked = request.recover !== undefined;
  const subscribed = {
    ...LIVE,
    channel,
    position: history.position,
    publications,
    wasRecovering: asked,
    recovered: asked,
  };
  const completeFrom = from.offset + 1;
  return inForms<Subscribed>(reader, subscribed, {
    publications: recovery.publications,
    asOf: history.position,
    completeFrom,
  });
}

/** A reply without publications: what comes next begins at its position. */
function nothingRead(asOf: Position): Read {
  return { publications: [], asOf, completeFrom: asOf.offset + 1 };
}

const LIVE = {
  publications: [],
  state: [],
  wasRecovering: false,
  recovered: false,
  phase: 'live',
  cursor: '',
} as const;

function recoveryLimits(options: HubOptions): { maxPublications: number; maxBytes: number } {
  return { maxPublications: options.recoveryMaxPublications, maxBytes: options.recoveryMaxBytes };
}

function count(counters: Counters, recovery: Recovery): void {
  if (recovery.recovered) counters.recovered++;
  else counters.unrecovered++;
}

function refuseOverflowed(reader: Delivery): void {
  if (reader.bufferOverflowed)
    throw new CodedError('unrecoverablePosition', 'more changes than may be buffered while subscribing');
}

function requireChannel(channel: Channel | undefined): Channel {
  if (!channel) throw new CodedError('unrecoverablePosition', 'the subscription was started over');
  return channel;
}

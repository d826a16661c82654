/**
 * A subscribe reply for a reader with deltas: its state whole, its publications as chains that begin whole, and the account of what the
 * reader holds from then on (spec DELTA-4). For other readers it changes nothing.
 */
import type { Position, Publication } from '@trunkline/protocol';
import type { Delivery } from '../delivery/delivery.js';
import type { Channel } from './channel.js';
import { asFull, Deltas } from './deltas.js';

/** What of a reply this file looks at and writes anew. */
interface Reply {
  readonly channel: Channel;
  readonly position: Position;
  readonly publications: readonly Publication[];
  readonly state: readonly Publication[];
}

export interface Read {
  /** What was read for the reply, before the reader's filter. */
  readonly publications: readonly Publication[];
  /** The top when it was read. */
  readonly asOf: Position;
  /** From which offset on the reply leaves nothing out, where no filter does. */
  readonly completeFrom: number;
}

export function inForms<R extends Reply>(reader: Delivery, reply: R, read: Read): R {
  const { holding, options, connection } = reader;
  if (holding === undefined) return reply;
  const { channel, position, publications, state } = reply;
  // What was remembered belongs to the epoch that is delivered; another one is told without it.
  const sameEpoch = channel.position?.epoch === read.asOf.epoch;
  const remembered = sameEpoch ? channel.deltas : undefined;
  const deltas = remembered ?? new Deltas(channel.namespace.options.type !== 'stream', 0);
  channel.seed(read.publications, read.asOf);
  holding.replied({
    publications,
    state,
    offset: position.offset,
    completeFrom: options.filter === undefined ? read.completeFrom : position.offset + 1,
  });
  return {
    ...reply,
    state: state.map(asFull),
    publications: deltas.chain(publications, !connection.codec.binary),
  };
}

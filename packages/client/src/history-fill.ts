/** A hole between two positions of one channel, filled from its history: complete or not at all. */
import type { Position } from '@trunkline/protocol';
import type { Connection } from './connection.js';
import { localError } from './errors.js';
import type { RawPublication } from './reader.js';

/** Largest hole that is filled; whoever is further behind takes state again. */
const FILL_LIMIT = 1_000;

/** Publications after `since` up to offset `to`. Rejects with a `CodedError` (112) where history no longer holds all of them. */
export async function fillFromHistory(
  { centrifuge }: Connection,
  channel: string,
  since: Position,
  to: number,
): Promise<RawPublication[]> {
  const width = to - since.offset;
  if (width <= 0) return [];
  if (width > FILL_LIMIT) throw localError(112, `${width} publications behind`);
  const { publications, epoch } = await centrifuge.history(channel, { since, limit: width });
  const missed = publications
    .map((item): RawPublication => ({ ...item, offset: item.offset ?? 0 }))
    .filter((item) => item.offset <= to);
  const whole =
    epoch === since.epoch &&
    missed.length === width &&
    missed.every((item, index) => item.offset === since.offset + 1 + index);
  if (!whole) throw localError(112, 'history no longer holds what is missing');
  return missed;
}

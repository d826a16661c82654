/** What scripts answer, and the arguments several of them share. */
import type { Buffer } from 'node:buffer';
import type { Position, Publication } from '@trunkline/protocol';
import type { HistoryFilter, HistoryOutcome } from '../broker.js';
import type { Argument } from './link.js';
import { decodeBody } from './message.js';

/** Numbers come as integers or, where Redis keeps them as text, as bytes. */
export type RawNumber = number | Buffer;
export type RawHistory = [epoch: Buffer, top: RawNumber, entries: Buffer[]];

export function integer(raw: RawNumber): number {
  return typeof raw === 'number' ? raw : Number(raw.toString('latin1'));
}

export function toPosition(epoch: Buffer, offset: RawNumber): Position {
  return { epoch: epoch.toString('utf8'), offset: integer(offset) };
}

export function toHistory([epoch, top, entries]: RawHistory): HistoryOutcome {
  const publications: Publication[] = [];
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const [offset, body] = entries.slice(at, at + 2) as [Buffer, Buffer];
    publications.push(decodeBody(body, integer(offset)));
  }
  return { publications, position: toPosition(epoch, top) };
}

/** Epoch, offset, limit, direction: `''` where nothing bounds. */
export function filterArguments({ limit, since, reverse }: HistoryFilter): readonly Argument[] {
  return [
    since?.epoch ?? '',
    since?.offset ?? '',
    limit === Infinity ? '' : Math.max(0, Math.floor(limit)),
    reverse ? 1 : 0,
  ];
}

/** Whole milliseconds, at least one, and no more than Redis can add to the present. */
export function milliseconds(ms: number): number {
  return Math.min(Math.max(1, Math.ceil(ms)), 1e14);
}

/** A bound that may be `Infinity`. */
export function bound(count: number): number {
  return Math.min(Math.max(0, Math.floor(count)), Number.MAX_SAFE_INTEGER);
}

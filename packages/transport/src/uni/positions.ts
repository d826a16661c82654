/**
 * How far a reader got, in one line of text: `channel=epoch.offset`, joined by `&`, names percent-encoded. It is the id of the reader's
 * events, and comes back as `Last-Event-ID` when the reader does.
 */
import type { Position } from '@trunkline/protocol';

/** No channel was ever there: whoever continues from it is told that it cannot. */
export const NOWHERE: Position = { epoch: '_', offset: 0 };

export function writePosition(channel: string, { epoch, offset }: Position): string {
  return `${encodeURIComponent(channel)}=${encodeURIComponent(epoch)}.${offset}`;
}

/** Undefined where the text is none of ours: then nothing is known, which is not the same as a new reader. */
export function readPositions(text: string): ReadonlyMap<string, Position> | undefined {
  const positions = new Map<string, Position>();
  for (const part of text.split('&')) {
    const [, channel, epoch, offset] = /^([^=]+)=(.*)\.(\d{1,16})$/.exec(part) ?? [];
    if (channel === undefined || epoch === undefined || !Number.isSafeInteger(Number(offset)))
      return undefined;
    try {
      positions.set(decodeURIComponent(channel), {
        epoch: decodeURIComponent(epoch),
        offset: Number(offset),
      });
    } catch {
      return undefined;
    }
  }
  return positions;
}

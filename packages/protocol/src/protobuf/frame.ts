/**
 * One inbound frame: commands, each behind its length. What can be answered becomes a command or a refusal of that command; bytes that are
 * no Protobuf end the connection after the commands before them. Never throws, whatever comes.
 */
import type { Decoded, DecodeLimits, Refused } from '../codec.js';
import { closeOf, type Close } from '../codes.js';
import { readCommand } from '../commands/command.js';
import type { Command } from '../model.js';
import { BodyReader } from './body.js';
import { Cursor, Malformed } from './cursor.js';
import { COMMAND } from './schema.js';

export function decodeFrame(frame: string | Uint8Array, limits: DecodeLimits): Decoded {
  if (typeof frame === 'string') return { items: [], fatal: closeOf('badRequest', 'frame is not binary') };
  const items: (Command | Refused)[] = [];
  const cursor = new Cursor(frame);
  const reader = new BodyReader(cursor, limits.maxDepth);
  while (cursor.at < frame.length) {
    if (items.length >= limits.maxCommands)
      return { items, fatal: closeOf('badRequest', `more than ${limits.maxCommands} commands in a frame`) };
    const item = decodeCommand(cursor, reader);
    if ('fatal' in item) return { items, fatal: item.fatal };
    items.push(item);
  }
  return items.length > 0 ? { items } : { items, fatal: closeOf('badRequest', 'frame is empty') };
}

function decodeCommand(cursor: Cursor, reader: BodyReader): Command | Refused | { readonly fatal: Close } {
  try {
    const end = cursor.endOfDelimited(cursor.bytes.length);
    if (end === cursor.at) return { kind: 'pong', id: 0 };
    const body = reader.read(end, COMMAND);
    // Only unknown fields: not empty, so no pong.
    if (Object.keys(body).length === 0) body['id'] = undefined;
    return readCommand(body);
  } catch (error) {
    return {
      fatal: closeOf('badRequest', error instanceof Malformed ? error.message : 'command cannot be read'),
    };
  }
}

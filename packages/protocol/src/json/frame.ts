/**
 * One inbound frame: JSON objects on lines of their own. What can be answered becomes a command or a refusal of that command; what
 * cannot be answered (no JSON, no object, no id) ends the connection after the commands before it. Never throws, whatever comes.
 */
import { fromUtf8 } from '../bytes.js';
import type { Decoded, DecodeLimits, Refused } from '../codec.js';
import { closeOf, type Close } from '../codes.js';
import { readCommand } from '../commands/command.js';
import { isBody } from '../commands/fields.js';
import { isDeeperThan } from '../depth.js';
import type { Command } from '../model.js';

export function decodeFrame(frame: string | Uint8Array, limits: DecodeLimits): Decoded {
  let all: string;
  try {
    all = typeof frame === 'string' ? frame : fromUtf8(frame);
  } catch {
    return { items: [], fatal: closeOf('badRequest', 'frame is not UTF-8') };
  }
  const items: (Command | Refused)[] = [];
  for (let start = 0; start < all.length;) {
    const newline = all.indexOf('\n', start);
    const end = newline < 0 ? all.length : newline;
    const line = (start === 0 && end === all.length ? all : all.slice(start, end)).trim();
    start = end + 1;
    if (line === '') continue;
    if (items.length >= limits.maxCommands)
      return { items, fatal: closeOf('badRequest', `more than ${limits.maxCommands} commands in a frame`) };
    const item = decodeLine(line, limits.maxDepth);
    if ('fatal' in item) return { items, fatal: item.fatal };
    items.push(item);
  }
  return items.length > 0 ? { items } : { items, fatal: closeOf('badRequest', 'frame is empty') };
}

function decodeLine(line: string, maxDepth: number): Command | Refused | { readonly fatal: Close } {
  if (isDeeperThan(line, maxDepth))
    return { fatal: closeOf('badRequest', `command is nested deeper than ${maxDepth}`) };
  let command: unknown;
  try {
    command = JSON.parse(line);
  } catch {
    return { fatal: closeOf('badRequest', 'command is not JSON') };
  }
  return isBody(command)
    ? readCommand(command)
    : { fatal: closeOf('badRequest', 'command is not an object') };
}

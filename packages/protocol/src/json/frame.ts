/**
 * One inbound frame: JSON objects on lines of their own. What can be answered becomes a command or a refusal of that command; what
 * cannot be answered (no JSON, no object, no id) ends the connection after the commands before it. Never throws, whatever comes.
 */
import { CodedError, closeOf, type Close } from '../codes.js';
import { fromUtf8 } from '../bytes.js';
import type { Decoded, DecodeLimits, Refused } from '../codec.js';
import type { Command } from '../model.js';
import { READERS } from './commands.js';
import { badField, isBody, type Body } from './fields.js';

const MAX_ID = 4_294_967_295;

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
    ? decodeCommand(command)
    : { fatal: closeOf('badRequest', 'command is not an object') };
}

function decodeCommand(command: Body): Command | Refused | { readonly fatal: Close } {
  let kind: string | undefined;
  let others = 0;
  let fields = 0;
  for (const name in command) {
    fields++;
    if (command[name] === null || !READERS.has(name)) continue;
    if (kind === undefined) kind = name;
    else others++;
  }
  const id = command['id'] ?? 0;
  if (fields === 0 || (fields === 1 && command['id'] === 0)) return { kind: 'pong', id: 0 };
  if (
    typeof id !== 'number' ||
    !Number.isInteger(id) ||
    id > MAX_ID ||
    id < 0 ||
    (id === 0 && kind !== 'send')
  ) {
    return { fatal: closeOf('badRequest', `command id must be an integer from 1 to ${MAX_ID}`) };
  }
  try {
    if (kind === undefined) throw new CodedError('methodNotFound', 'no known command in it');
    if (others > 0) throw new CodedError('badRequest', 'more than one command in an object');
    const body = command[kind];
    if (!isBody(body)) throw badField(kind, 'must be an object');
    return (READERS.get(kind) as NonNullable<ReturnType<typeof READERS.get>>)(id, body);
  } catch (error) {
    return {
      kind: 'refused',
      id,
      error: (error instanceof CodedError ? error : new CodedError('internal')).toData(),
    };
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Counts brackets outside strings; on text that is no JSON the answer does not matter, since parsing refuses it. */
export function isDeeperThan(json: string, maxDepth: number): boolean {
  if (json.length <= maxDepth) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit === QUOTE) {
      at = endOfString(json, at);
    } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      if (++depth > maxDepth) return true;
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      depth--;
    }
  }
  return false;
}

/** Index of the quote that ends the string beginning at `start`; the text's length where there is none. */
function endOfString(json: string, start: number): number {
  for (let at = start + 1; ; at++) {
    at = json.indexOf('"', at);
    if (at < 0) return json.length;
    let slashes = 0;
    while (json.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at;
  }
}

/**
 * How publications lie in Redis and travel through it. A body is four lines and the payload:
 *
 *   <time in ms> SP <flags>     flags: `b` the payload is bytes, `r` a removal, `-` neither
 *   <entry key as JSON, or nothing>
 *   <tags as JSON, or nothing>
 *   <info as JSON, or nothing>
 *   <payload, as it is>
 *
 * JSON text has no raw line breaks, so the first four ends of lines are found without parsing; scripts change a body by its lines. A message is
 * `<kind> SP <id> SP <epoch> SP <offset> SP <body>`, where the id lets its sender know it again. An epoch that others made is escaped.
 */
import { Buffer } from 'node:buffer';
import type { ClientInfo, Payload, Publication, Tags } from '@trunkline/protocol';
import { draft } from '../draft.js';

export interface BodyParts {
  readonly data: Payload;
  readonly key?: string | undefined;
  readonly tags?: Tags | undefined;
  readonly info?: ClientInfo | undefined;
  readonly removed?: boolean | undefined;
}

const LINE = 0x0a;
const SPACE = 0x20;

/** Everything after the time, which is the engine's: flags, key, tags, info, payload. */
export function encodeBody({ data, key, tags, info, removed }: BodyParts): Buffer {
  const flags = `${typeof data === 'string' ? '' : 'b'}${removed === true ? 'r' : ''}`;
  const lines = [flags === '' ? '-' : flags, text(key), text(tags), text(info), ''].join('\n');
  return Buffer.concat([Buffer.from(lines), typeof data === 'string' ? Buffer.from(data) : data]);
}

/** A whole body of what has its time already. */
export function withTime(body: Buffer, timeMs: number): Buffer {
  return Buffer.concat([Buffer.from(`${timeMs} `), body]);
}

/** `body` begins with the time. */
export function decodeBody(body: Buffer, offset: number): Publication {
  const ends: number[] = [];
  for (let at = body.indexOf(LINE); at >= 0 && ends.length < 4; at = body.indexOf(LINE, at + 1))
    ends.push(at);
  const [first, second, third, fourth] = ends;
  if (first === undefined || second === undefined || third === undefined || fourth === undefined)
    throw new Error('a publication in Redis is damaged');
  const line = (from: number, to: number): string => body.toString('utf8', from + 1, to);
  const [time = '0', flags = ''] = body.toString('latin1', 0, first).split(' ');
  const rest = body.subarray(fourth + 1);
  const publication = draft(
    offset,
    flags.includes('b') ? new Uint8Array(rest) : rest.toString('utf8'),
    Number(time),
    parsed<Tags>(line(second, third)),
    parsed<ClientInfo>(line(third, fourth)),
  );
  const key = parsed<string>(line(first, second));
  if (key !== undefined) publication.key = key;
  if (flags.includes('r')) publication.removed = true;
  return publication;
}

export type MessageKind = 'p' | 'j' | 'l';

/** A whole message made on this side: what is carried, joins and leaves. */
export function encodeMessage(
  kind: MessageKind,
  id: string,
  epoch: string,
  offset: number,
  body: Buffer,
): Buffer {
  return Buffer.concat([Buffer.from(`${kind} ${id} ${encodeURIComponent(epoch)} ${offset} `), body]);
}

export interface Message {
  readonly kind: string;
  readonly id: string;
  readonly epoch: string;
  readonly offset: number;
  readonly body: Buffer;
}

/** Throws on what is none of ours. */
export function decodeMessage(message: Buffer): Message {
  const parts: string[] = [];
  let from = 0;
  while (parts.length < 4) {
    const to = message.indexOf(SPACE, from);
    if (to < 0) throw new Error('a message through Redis is damaged');
    parts.push(message.toString('latin1', from, to));
    from = to + 1;
  }
  const [kind = '', id = '', epoch = '', offset = ''] = parts;
  return { kind, id, epoch: decodeURIComponent(epoch), offset: Number(offset), body: message.subarray(from) };
}

/** Orders as the code units of JavaScript do, byte by byte: what a sorted set of Redis compares. */
export function toField(entryKey: string): Buffer {
  return Buffer.from(entryKey, 'utf16le').swap16();
}

function text(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value);
}

function parsed<T>(line: string): T | undefined {
  return line === '' ? undefined : (JSON.parse(line) as T);
}

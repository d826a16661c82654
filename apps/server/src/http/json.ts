/**
 * JSON in and out of HTTP bodies. Incoming text is bounded in depth before it is parsed. Outgoing values may hold payloads that are
 * JSON text already; they are put in as they are, neither parsed nor changed.
 */
import { CodedError, type Payload } from '@trunkline/protocol';

/** JSON text inside a value for `toJson`. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `JSON.stringify` that knows `RawJson`. Members that are undefined are left out. */
export function toJson(value: unknown): string {
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members: string[] = [];
  for (const [key, member] of Object.entries(value as Readonly<Record<string, unknown>>)) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${toJson(member)}`);
  }
  return `{${members.join(',')}}`;
}

/** A payload as the member `data` or, where it is bytes, `b64data`. */
export function payloadMember(payload: Payload): { readonly data: RawJson } | { readonly b64data: string } {
  return typeof payload === 'string'
    ? { data: new RawJson(payload) }
    : { b64data: Buffer.from(payload).toString('base64') };
}

/** Bytes that are no UTF-8 would be replaced in silence; a mark of byte order is dropped. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** Throws `badRequest` (107). An empty text is an empty object: methods without parameters need no body. */
export function parseBody(body: string | Buffer, maxDepth: number): unknown {
  const text = typeof body === 'string' ? body : decode(body);
  if (text.trim() === '') return {};
  if (isDeeper(text, maxDepth))
    throw new CodedError('badRequest', `the body nests more than ${maxDepth} levels`);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new CodedError('badRequest', 'the body is not valid JSON', { cause });
  }
}

function decode(body: Buffer): string {
  try {
    return UTF_8.decode(body);
  } catch (cause) {
    throw new CodedError('badRequest', 'the body is not UTF-8', { cause });
  }
}

/** Nesting of arrays and objects, seen without parsing: deep text would end parsers and writers that recurse. */
function isDeeper(text: string, maxDepth: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (quoted) {
      if (unit === 0x5c) index++;
      else if (unit === 0x22) quoted = false;
    } else if (unit === 0x22) quoted = true;
    else if (unit === 0x7b || unit === 0x5b) {
      if (++depth > maxDepth) return true;
    } else if (unit === 0x7d || unit === 0x5d) depth--;
  }
  return false;
}

/**
 * What nodes write to each other on the broker's control channel: a header in JSON on the first line, behind a mark that tells these messages from
 * others there; on the second a value in JSON; behind it bytes as they are (text) or as base64. Pure. What another node wrote is checked here
 * field by field: the rest of the room sees a message or nothing.
 */
import { isOrgId } from '@trunkline/protocol';

interface Head {
  readonly from: string;
  /** One life of the sender: a restarted node keeps its id. */
  readonly boot: string;
  /** Absent: all nodes. */
  readonly to?: string;
}

export interface Tell extends Head {
  readonly type: 'tell';
  readonly kind: string;
  readonly bytes: string | Uint8Array;
}

export interface Ask extends Head {
  readonly type: 'ask';
  readonly id: string;
  readonly kind: string;
  /** Absent: the question concerns no org. */
  readonly org?: string;
  readonly withinMs: number;
  readonly value: unknown;
  readonly bytes?: string | Uint8Array;
}

export interface Reply extends Head {
  readonly type: 'reply';
  readonly to: string;
  readonly id: string;
  readonly org?: string;
  readonly outcome:
    { readonly value: unknown } | { readonly error: { readonly code: number; readonly message: string } };
}

export type NodeMessage = Tell | Ask | Reply;

/** How long a header may be; bytes and values come behind it. */
const HEAD_MAX = 2_048;
const NAME_MAX = 255;
const KIND = /^[A-Za-z0-9._-]{1,100}$/;
const LONGEST_MS = 3_600_000;
const MARK = '@';

/** Whether a control message is meant for this room. */
export function isNodeMessage(text: string): boolean {
  return text.startsWith(MARK);
}

export function isKind(name: string): boolean {
  return KIND.test(name);
}

export function encodeNodeMessage(message: NodeMessage): string {
  const { type, from, boot, to } = message;
  const head = { type, from, boot, ...(to === undefined ? {} : { to }) };
  switch (message.type) {
    case 'tell':
      return lines({ ...head, kind: message.kind, ...formOf(message.bytes) }, 'null', message.bytes);
    case 'ask': {
      const { id, kind, org, withinMs, value, bytes } = message;
      return lines(
        { ...head, id, kind, ...(org === undefined ? {} : { org }), withinMs, ...formOf(bytes) },
        toJson(value),
        bytes,
      );
    }
    case 'reply': {
      const { id, org, outcome } = message;
      const named = { ...head, id, ...(org === undefined ? {} : { org }) };
      return 'error' in outcome
        ? lines({ ...named, failed: true }, toJson(outcome.error), undefined)
        : lines(named, toJson(outcome.value), undefined);
    }
  }
}

/** Undefined for what is no message of this form. `foreign`: well-formed as far as read, and meant for another node than `self`. */
export function decodeNodeMessage(text: string, self: string): NodeMessage | 'foreign' | undefined {
  const end = text.indexOf('\n');
  if (end < 0 || end > HEAD_MAX || !isNodeMessage(text)) return undefined;
  const head = parse(text.slice(MARK.length, end));
  if (!isObject(head)) return undefined;
  const { type, from, boot, to } = head;
  if (!isName(from) || !isName(boot) || !(to === undefined || isName(to))) return undefined;
  if (to !== undefined && to !== self) return 'foreign';
  const second = text.indexOf('\n', end + 1);
  if (second < 0) return undefined;
  const value = parse(text.slice(end + 1, second));
  if (value === undefined) return undefined;
  const bytes = readBytes(head['bytes'], text.slice(second + 1));
  if (bytes === null) return undefined;
  const common = { from, boot, ...(to === undefined ? {} : { to }) };
  switch (type) {
    case 'tell': {
      const { kind } = head;
      return isKindName(kind) && bytes !== undefined ? { type, ...common, kind, bytes } : undefined;
    }
    case 'ask': {
      const { kind, id, org, withinMs } = head;
      if (!isKindName(kind) || !isName(id) || !isOrg(org) || !isDuration(withinMs)) return undefined;
      return {
        type,
        ...common,
        id,
        kind,
        ...(org === undefined ? {} : { org }),
        withinMs,
        value,
        ...(bytes === undefined ? {} : { bytes }),
      };
    }
    case 'reply': {
      const { id, org, failed } = head;
      if (to === undefined || !isName(id) || !isOrg(org)) return undefined;
      const outcome = failed === true ? readError(value) : { value };
      return outcome && { type, from, boot, to, id, ...(org === undefined ? {} : { org }), outcome };
    }
    default:
      return undefined;
  }
}

function lines(head: object, value: string, bytes: string | Uint8Array | undefined): string {
  const tail = bytes === undefined ? '' : typeof bytes === 'string' ? bytes : toBase64(bytes);
  return `${MARK}${JSON.stringify(head)}\n${value}\n${tail}`;
}

function formOf(bytes: string | Uint8Array | undefined): { readonly bytes?: 'text' | 'base64' } {
  return bytes === undefined ? {} : { bytes: typeof bytes === 'string' ? 'text' : 'base64' };
}

/** Null: of no known form. */
function readBytes(form: unknown, tail: string): string | Uint8Array | undefined | null {
  switch (form) {
    case undefined:
      return tail === '' ? undefined : null;
    case 'text':
      return tail;
    case 'base64':
      return /^[A-Za-z0-9+/]*={0,2}$/.test(tail) ? new Uint8Array(Buffer.from(tail, 'base64')) : null;
    default:
      return null;
  }
}

function readError(value: unknown): { readonly error: { code: number; message: string } } | undefined {
  if (!isObject(value)) return undefined;
  const { code, message } = value;
  return typeof code === 'number' && Number.isInteger(code) && typeof message === 'string'
    ? { error: { code, message } }
    : undefined;
}

/** JSON has no word for nothing at all. */
function toJson(value: unknown): string {
  return (JSON.stringify(value) as string | undefined) ?? 'null';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= NAME_MAX;
}

function isKindName(value: unknown): value is string {
  return typeof value === 'string' && isKind(value);
}

function isOrg(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && isOrgId(value));
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LONGEST_MS;
}

/**
 * Pieces of outgoing JSON. Payloads that are JSON text are put in as they are, so that a body is one concatenation; everything else that
 * is text goes through `JSON.stringify`. An object is written as its fields, each beginning with a comma; `object` drops the first.
 * Fields that are zero, empty or false are left out, as readers of this protocol expect.
 */
import { fromUtf8 } from '../bytes.js';
import { jsonOf } from '../json-text.js';
import type { ClientInfo, Expiry, Payload, Position, Publication, Tags } from '../model.js';

/** `fields` is `''` or begins with a comma. */
export function object(fields: string): string {
  return `{${fields.slice(1)}}`;
}

export function textField(name: string, value: string): string {
  return value === '' ? '' : `,"${name}":${JSON.stringify(value)}`;
}

export function numberField(name: string, value: number): string {
  return value === 0 ? '' : `,"${name}":${value}`;
}

export function flagField(name: string, value: boolean): string {
  return value ? `,"${name}":true` : '';
}

export function payloadField(name: string, value: Payload | undefined): string {
  return value === undefined ? '' : `,"${name}":${jsonOf(value)}`;
}

export function positionFields({ epoch, offset }: Position): string {
  return textField('epoch', epoch) + numberField('offset', offset);
}

export function expiryFields({ ttlSeconds }: Expiry): string {
  return ttlSeconds === undefined ? '' : `,"expires":true${numberField('ttl', ttlSeconds)}`;
}

/** User and client are always there: an anonymous user is the empty string, not an absent one. */
export function infoObject({ user, client, connInfo, chanInfo }: ClientInfo): string {
  return `{"user":${JSON.stringify(user)},"client":${JSON.stringify(client)}${payloadField('conn_info', connInfo)}${payloadField('chan_info', chanInfo)}}`;
}

/** Begins with its first field instead of going through `object`: this is the one that runs for every publication. */
export function publicationObject(publication: Publication): string {
  const { data, offset, info, tags, key, removed, timeMs, form } = publication;
  let written: string;
  if (removed === true) {
    // A removal ends the chain of deltas of its key, so it has no form; one that has nothing to say carries no data at all.
    written = data === 'null' ? '{"removed":true' : `{"data":${jsonOf(data)},"removed":true`;
  } else {
    written = form === undefined ? `{"data":${jsonOf(data)}` : formFields(data, form);
  }
  if (offset > 0) written += `,"offset":${offset}`;
  if (timeMs !== undefined && timeMs > 0) written += `,"time":${timeMs}`;
  if (tags !== undefined) written += tagsField(tags);
  if (key !== undefined) written += textField('key', key);
  if (info !== undefined) written += `,"info":${infoObject(info)}`;
  return written + '}';
}

/**
 * Where a subscription has deltas, data is a JSON string in both forms: the text of the payload or that of the delta, which is what the
 * reader applies the next delta to (spec WIRE-32). Throws a TypeError on a delta that is not text: it has no form on this wire.
 */
function formFields(data: Payload, form: 'full' | 'delta'): string {
  if (form === 'full') return `{"data":${JSON.stringify(typeof data === 'string' ? data : jsonOf(data))}`;
  return `{"data":${JSON.stringify(typeof data === 'string' ? data : fromUtf8(data))},"delta":true`;
}

export function publicationsField(name: string, publications: readonly Publication[]): string {
  return publications.length === 0 ? '' : `,"${name}":[${publications.map(publicationObject).join(',')}]`;
}

function tagsField(tags: Tags): string {
  const written = JSON.stringify(tags);
  return written === '{}' ? '' : `,"tags":${written}`;
}

/**
 * Pieces of outgoing JSON. Payloads that are JSON text are put in as they are, so that a body is one concatenation; everything else that
 * is text goes through `JSON.stringify`. An object is written as its fields, each beginning with a comma; `object` drops the first.
 * Fields that are zero, empty or false are left out, as readers of this protocol expect.
 */
import { base64 } from '../base64.js';
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

/** Bytes have no form in JSON: they become a string of base64 (spec WIRE-12). */
export function jsonOf(payload: Payload): string {
  return typeof payload === 'string' ? payload : `"${base64(payload)}"`;
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
  const { data, offset, info, tags, key, removed, timeMs } = publication;
  // A removal that has nothing to say carries no data at all.
  let written =
    removed !== true
      ? `{"data":${jsonOf(data)}`
      : data === 'null'
        ? '{"removed":true'
        : `{"data":${jsonOf(data)},"removed":true`;
  if (offset > 0) written += `,"offset":${offset}`;
  if (timeMs !== undefined && timeMs > 0) written += `,"time":${timeMs}`;
  if (tags !== undefined) written += tagsField(tags);
  if (key !== undefined) written += textField('key', key);
  if (info !== undefined) written += `,"info":${infoObject(info)}`;
  return written + '}';
}

export function publicationsField(name: string, publications: readonly Publication[]): string {
  return publications.length === 0 ? '' : `,"${name}":[${publications.map(publicationObject).join(',')}]`;
}

function tagsField(tags: Tags): string {
  const written = JSON.stringify(tags);
  return written === '{}' ? '' : `,"tags":${written}`;
}

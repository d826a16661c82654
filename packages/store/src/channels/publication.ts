/** Publications between the wire's model and a row: payloads stay text or bytes, tags and info are JSON text. */
import type { ClientInfo, Payload, Publication, Tags } from '@trunkline/protocol';
import type { Row } from '../statement.js';

/** A payload in JSON: text as it is, bytes marked. */
type StoredPayload = string | { readonly b64: string };

interface StoredInfo {
  readonly user: string;
  readonly client: string;
  readonly connInfo?: StoredPayload;
  readonly chanInfo?: StoredPayload;
}

export function toStoredTags(tags: Tags | undefined): string | null {
  return tags === undefined ? null : JSON.stringify(tags);
}

export function toStoredInfo(info: ClientInfo | undefined): string | null {
  if (info === undefined) return null;
  const stored: StoredInfo = {
    user: info.user,
    client: info.client,
    ...(info.connInfo === undefined ? {} : { connInfo: toStoredPayload(info.connInfo) }),
    ...(info.chanInfo === undefined ? {} : { chanInfo: toStoredPayload(info.chanInfo) }),
  };
  return JSON.stringify(stored);
}

/** A row with `offset`, `data`, `bytes`, `tags`, `info` and `time_ms`. */
export function toPublication(row: Row): Publication {
  const { tags, info } = row;
  return {
    offset: row['offset'] as number,
    data: (row['data'] ?? row['bytes']) as Payload,
    ...(typeof info === 'string' ? { info: fromStoredInfo(JSON.parse(info) as StoredInfo) } : {}),
    ...(typeof tags === 'string' ? { tags: JSON.parse(tags) as Tags } : {}),
    timeMs: row['time_ms'] as number,
  };
}

function fromStoredInfo({ user, client, connInfo, chanInfo }: StoredInfo): ClientInfo {
  return {
    user,
    client,
    ...(connInfo === undefined ? {} : { connInfo: fromStoredPayload(connInfo) }),
    ...(chanInfo === undefined ? {} : { chanInfo: fromStoredPayload(chanInfo) }),
  };
}

function toStoredPayload(payload: Payload): StoredPayload {
  return typeof payload === 'string' ? payload : { b64: Buffer.from(payload).toString('base64') };
}

function fromStoredPayload(stored: StoredPayload): Payload {
  return typeof stored === 'string' ? stored : new Uint8Array(Buffer.from(stored.b64, 'base64'));
}

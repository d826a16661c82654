/** The multiplexer's envelopes: one JSON object per text frame, each naming the watch that it is about by cluster, path and query, which go back exactly as they came. */
import { Encoded } from '@trunkline/protocol';
import type { WatchEvent } from './event.js';

/** The watch that an envelope is about, and who the client says it is: that goes back too, and means nothing here. */
export interface EnvelopeKey {
  readonly clusterId: string;
  readonly path: string;
  readonly query: string;
  readonly userId: string;
}

export type Inbound =
  /** `data`: input of a session; '' where there is none. */
  | { readonly kind: 'request'; readonly key: EnvelopeKey; readonly data: string }
  | { readonly kind: 'close'; readonly key: EnvelopeKey }
  /** `key`: as much of it as could be read. */
  | { readonly kind: 'bad'; readonly key: EnvelopeKey; readonly why: string };

const NO_KEY: EnvelopeKey = { clusterId: '', path: '', query: '', userId: '' };

/** Longer ones are nobody's, and would have to be sent back with each event. */
const FIELD_MAX_CHARS = 4_096;

export function parseEnvelope(frame: string | Uint8Array): Inbound {
  if (typeof frame !== 'string') return { kind: 'bad', key: NO_KEY, why: 'frames must be text' };
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return { kind: 'bad', key: NO_KEY, why: 'the frame is no JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { kind: 'bad', key: NO_KEY, why: 'the frame must hold one JSON object' };
  const fields = value as Readonly<Record<string, unknown>>;
  const key: EnvelopeKey = {
    clusterId: textOf(fields['clusterId']),
    path: textOf(fields['path']),
    query: textOf(fields['query']),
    userId: textOf(fields['userId']),
  };
  const bad = (why: string): Inbound => ({ kind: 'bad', key, why });
  for (const field of ['clusterId', 'path', 'query'] as const) {
    const given = fields[field];
    if (given === undefined && field === 'query') continue;
    if (typeof given !== 'string') return bad(`${field}: must be a string`);
    if (given.length > FIELD_MAX_CHARS) return bad(`${field}: longer than ${FIELD_MAX_CHARS} characters`);
  }
  if (key.clusterId === '') return bad('clusterId: must not be empty');
  switch (fields['type']) {
    case 'REQUEST':
      return { kind: 'request', key, data: typeof fields['data'] === 'string' ? fields['data'] : '' };
    case 'CLOSE':
      return { kind: 'close', key };
    default:
      return bad('type: must be REQUEST or CLOSE');
  }
}

/** One text for each watch of a connection. */
export function keyOf({ clusterId, path, query }: EnvelopeKey): string {
  return JSON.stringify([clusterId, path, query]);
}

/** Writes the envelopes of one watch. What does not change from one to the next is written once. */
export class EnvelopeWriter {
  readonly #head: string;

  constructor({ clusterId, path, query, userId }: EnvelopeKey) {
    this.#head = `${JSON.stringify({ clusterId, path, query, userId }).slice(0, -1)},"data":`;
  }

  data(event: WatchEvent): Encoded {
    return this.#write(event.quoted, 'DATA');
  }

  /** A frame of a session: text as it is, binary in base64. */
  frame(frame: Uint8Array, binary: boolean): Encoded {
    const text = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString(
      binary ? 'base64' : 'utf8',
    );
    return this.#write(JSON.stringify(text), 'DATA', binary ? ',"binary":true' : '');
  }

  error(why: string): Encoded {
    return this.#write(JSON.stringify(JSON.stringify({ error: why })), 'ERROR');
  }

  #write(quoted: string, type: 'DATA' | 'ERROR', more = ''): Encoded {
    return new Encoded(Buffer.from(`${this.#head}${quoted}${more},"type":"${type}"}`));
  }
}

/** Cut where it is too long to be sent back. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, FIELD_MAX_CHARS) : '';
}

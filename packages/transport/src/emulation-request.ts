/**
 * What an upstream request says: which session of which node a frame is for. JSON (`{"session", "node", "data"}`, `data` a string) or
 * the `EmulationRequest` of the Centrifugal client protocol in Protobuf (node 1, session 2, data 3). Nothing is thrown: what cannot
 * be read is undefined.
 */

export interface EmulationRequest {
  readonly session: string;
  /** '' where none is named. */
  readonly node: string;
  readonly data: string | Uint8Array;
}

export function readEmulationRequest(body: Buffer, binary: boolean): EmulationRequest | undefined {
  return binary ? fromProtobuf(body) : fromJson(body);
}

/** Bytes of a body within which `peekSession` finds what it can find. */
export const PEEK_BYTES = 200;

/**
 * The session as far as the first bytes of a body tell, so that a request has its place in the order before it is whole. Undefined where
 * they do not; the place is then taken at the end of the body.
 */
export function peekSession(first: Buffer, binary: boolean): string | undefined {
  if (binary) {
    const node = fieldAt(first, 0);
    const session = node?.field === 1 ? fieldAt(first, node.end) : node;
    return session?.field === 2 ? session.bytes.toString() : undefined;
  }
  return /^\s*\{\s*"session"\s*:\s*"([0-9A-Za-z]{1,64})"/.exec(first.toString('latin1', 0, PEEK_BYTES))?.[1];
}

/** Likewise the node, where it follows the session as the public client writes it. */
export function peekNode(first: Buffer, binary: boolean): string | undefined {
  if (binary) {
    const node = fieldAt(first, 0);
    return node?.field === 1 ? node.bytes.toString() : undefined;
  }
  return JSON_NODE.exec(first.toString('latin1', 0, PEEK_BYTES))?.[1];
}

const JSON_NODE =
  /^\s*\{\s*"session"\s*:\s*"[0-9A-Za-z]{1,64}"\s*,\s*"node"\s*:\s*"([\x20\x21\x23-\x5b\x5d-\x7e]{1,128})"/;

function fromJson(body: Buffer): EmulationRequest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { session, node = '', data } = value as Readonly<Record<string, unknown>>;
  if (typeof session !== 'string' || typeof node !== 'string' || typeof data !== 'string') return undefined;
  return { session, node, data };
}

function fromProtobuf(body: Buffer): EmulationRequest | undefined {
  const found = new Map<number, Buffer>();
  for (let at = 0; at < body.length;) {
    const field = fieldAt(body, at);
    if (field === undefined) return undefined;
    found.set(field.field, field.bytes);
    at = field.end;
  }
  const session = found.get(2);
  if (session === undefined) return undefined;
  return {
    session: session.toString(),
    node: found.get(1)?.toString() ?? '',
    data: found.get(3) ?? new Uint8Array(),
  };
}

interface Field {
  readonly field: number;
  readonly bytes: Buffer;
  readonly end: number;
}

/** The length-delimited field that begins at `at`; undefined for another type, and where the bytes end before it does. */
function fieldAt(body: Buffer, at: number): Field | undefined {
  const tag = body[at];
  if (tag === undefined || (tag & 0x87) !== 2) return undefined;
  let length = 0;
  let start = at + 1;
  for (let shift = 0; ; shift += 7) {
    const byte = body[start++];
    if (byte === undefined || shift > 28) return undefined;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const end = start + length;
  return end > body.length ? undefined : { field: tag >> 3, bytes: body.subarray(start, end), end };
}

/** A Node request turned into the hub's `OpenRequest`, which keeps nothing of it alive. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { OpenRequest } from '@trunkline/hub';

export interface OpenFacts {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly params: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  readonly originAllowed: boolean;
}

export function toOpenRequest(request: IncomingMessage, facts: OpenFacts): OpenRequest {
  return {
    method: request.method ?? 'GET',
    ...facts,
    headers: flatten(request.headers),
    subprotocols: listOf(request.headers['sec-websocket-protocol']),
  };
}

/** Node's lower-case headers with repeated values joined. */
function flatten(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const entries: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) entries.push([name, Array.isArray(value) ? value.join(', ') : value]);
  }
  return Object.fromEntries(entries);
}

function listOf(header: string | undefined): readonly string[] {
  return (header ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** The wires of a server, by transport and codec, and where each is reached from the WebSocket address. */

export const WIRES = [
  'websocket json',
  'websocket protobuf',
  'http_stream json',
  'http_stream protobuf',
  'sse json',
] as const;
export type Wire = (typeof WIRES)[number];

export type WireTransport = 'websocket' | 'http_stream' | 'sse';

export function transportOf(wire: Wire): WireTransport {
  return wire.split(' ')[0] as WireTransport;
}

export function isProtobuf(wire: Wire): boolean {
  return wire.endsWith(' protobuf');
}

/** Another path of the server behind a WebSocket address. */
export function httpUrl(wsUrl: string, path: string): string {
  return new URL(path, wsUrl.replace(/^ws/, 'http')).href;
}

/** A payload as the stock client takes it over a wire: JSON values as they are, bytes for Protobuf. */
export function toWire(wire: Wire, value: unknown): unknown {
  return isProtobuf(wire) ? new TextEncoder().encode(JSON.stringify(value)) : value;
}

/** What `toWire` was given. */
export function fromWire(data: unknown): unknown {
  return data instanceof Uint8Array ? (JSON.parse(new TextDecoder().decode(data)) as unknown) : data;
}

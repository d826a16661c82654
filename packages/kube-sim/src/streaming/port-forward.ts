/** `GET …/pods/x/portforward`: ports of a pod over a WebSocket, two streams each, for data and for errors. Behind every port there is an echo. */
import type { Exchange, Services } from '../http/exchange.js';
import { badRequest, notFound } from '../model/status.js';
import { openChannels, PORT_PROTOCOLS } from './channels.js';

export async function handlePortForward(exchange: Exchange, services: Services): Promise<void> {
  const { info, type, query } = exchange;
  if (services.cluster.get(type, info.namespace, info.name) === undefined) throw notFound(type, info.name);
  const ports = portsOf(query);
  const channels = await openChannels(exchange, services, PORT_PROTOCOLS);
  for (const [index, port] of ports.entries()) {
    const bytes = Uint8Array.of(port & 255, port >> 8);
    channels.send(2 * index, bytes);
    channels.send(2 * index + 1, bytes);
  }
  channels.listen({
    onData: (channel, data) => {
      if (channel < 0 || channel % 2 === 1 || channel >= 2 * ports.length) return;
      if (!channels.send(channel, data)) channels.pause();
    },
    onEnd: () => undefined,
    onDrained: () => channels.resume(),
    onClosed: () => undefined,
  });
}

function portsOf(query: URLSearchParams): readonly number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  if (texts.length === 0) throw badRequest('query parameter "ports" is required');
  // Two streams for each, and 255 numbers for streams.
  if (texts.length > 100) throw badRequest('too many ports');
  return texts.map((text) => {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (port < 1 || port > 65_535) throw badRequest(`unable to parse "${text}" as a port`);
    return port;
  });
}

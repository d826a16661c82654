/** `GET …/pods/x/attach`: what a container prints from now on, over a WebSocket. It reads nothing. */
import type { ContainerLog } from '../cluster/log-book.js';
import type { Exchange, Services } from '../http/exchange.js';
import { COMMAND_PROTOCOLS, openChannels, type Channels } from './channels.js';
import { containerOf } from './container.js';
import { STDOUT } from './exec.js';

export async function handleAttach(exchange: Exchange, services: Services): Promise<void> {
  const { info } = exchange;
  const container = containerOf(exchange, services);
  const log = services.logs.read(info.namespace, info.name, container, false);
  const channels = await openChannels(exchange, services, COMMAND_PROTOCOLS);
  // An empty frame tells the client that the stream is there.
  channels.send(STDOUT, '');
  if (log === undefined || log.closed) channels.end();
  else follow(channels, log);
}

function follow(channels: Channels, log: ContainerLog): void {
  let at = log.next;
  let behind = false;
  const pump = (): void => {
    for (at = Math.max(at, log.first); at < log.next && !behind; at++)
      behind = !channels.send(STDOUT, `${log.at(at)?.text ?? ''}\n`);
    if (!log.closed || at < log.next) return;
    stop();
    channels.end();
  };
  const stop = log.listen(pump);
  channels.listen({
    onData: () => undefined,
    onEnd: () => undefined,
    onDrained: () => {
      behind = false;
      pump();
    },
    onClosed: stop,
  });
}

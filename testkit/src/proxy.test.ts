import { once } from 'node:events';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DisposeStack } from '@trunkline/base';
import { startProxy, type FaultProxy } from './proxy.js';

/** `events.once` would reject on the reset that these tests cause. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));
}

/** An echo server behind a proxy, and a client of it that collects what comes back. */
class Bed {
  readonly stack = new DisposeStack();
  readonly accepted: Socket[] = [];
  proxy!: FaultProxy;

  async open(): Promise<void> {
    const server: Server = createServer((socket) => {
      this.accepted.push(socket);
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.stack.defer(() => void server.close());
    this.proxy = this.stack.use(await startProxy((server.address() as { port: number }).port));
  }

  async client(): Promise<{ socket: Socket; text: () => string; has: (text: string) => Promise<void> }> {
    const socket = connect(this.proxy.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', () => undefined);
    this.stack.defer(() => void socket.destroy());
    await once(socket, 'connect');
    const has = async (wanted: string): Promise<void> => {
      while (text !== wanted) await once(socket, 'data');
    };
    return { socket, text: () => text, has };
  }
}

describe('the fault proxy', () => {
  let bed: Bed;
  beforeEach(async () => {
    bed = new Bed();
    await bed.open();
  });
  afterEach(() => bed.stack.dispose());

  it('[KIT-2] passes bytes in order, delayed or not', async () => {
    const { socket, has } = await bed.client();
    bed.proxy.delay(30);
    socket.write('one ');
    socket.write('two ');
    bed.proxy.delay(0);
    socket.write('three');
    await has('one two three');
  });

  it('[KIT-2] a cut resets and refuses, restore admits', async () => {
    const first = await bed.client();
    first.socket.write('x');
    await first.has('x');
    bed.proxy.cut();
    await closing(first.socket);
    const refused = connect(bed.proxy.port, '127.0.0.1');
    refused.on('error', () => undefined);
    await closing(refused);
    expect(bed.proxy.connections).toBe(0);
    bed.proxy.restore();
    const second = await bed.client();
    second.socket.write('back');
    await second.has('back');
  });

  it('[KIT-2] a stall loses nothing, half-open loses everything', async () => {
    const { socket, text, has } = await bed.client();
    bed.proxy.stall();
    socket.write('late');
    await new Promise((resolve) => setImmediate(resolve));
    expect(text()).toBe('');
    bed.proxy.restore();
    await has('late');
    bed.proxy.halfOpen();
    socket.write(' never');
    await new Promise((resolve) => socket.write('', resolve));
    bed.accepted[0]?.destroy();
    await closing(bed.accepted[0] as Socket);
    expect(socket.readyState).toBe('open');
    expect(text()).toBe('late');
  });

  it('[KIT-2] truncation cuts in the middle', async () => {
    const { socket, text } = await bed.client();
    bed.proxy.truncate(4);
    socket.write('1234567');
    await closing(socket);
    expect(text()).toBe('1234');
  });
});

/**
 * The floor of Node itself: the frame is built once and `socket.write` of the same Buffer is called for each reader of a channel. Nothing
 * is numbered, bounded or kept, and bursts are not joined. Whoever is faster than this does not write through Node's streams.
 */
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { serveControl } from './control.mjs';

const channels = new Map();
const http = createServer();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
let connections = 0;

http.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (client) => {
    let joined = [];
    connections++;
    client.once('message', (text) => {
      joined = JSON.parse(String(text));
      for (const name of joined) {
        let members = channels.get(name);
        if (!members) channels.set(name, (members = new Set()));
        members.add(socket);
      }
      client.send('+');
    });
    client.on('close', () => {
      connections--;
      for (const name of joined) channels.get(name)?.delete(socket);
    });
    client.on('error', () => undefined);
  });
});

/** One text frame of 126 to 65,535 bytes. */
function toFrame(payload) {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from([0x81, 126, bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  serveControl({
    port: http.address().port,
    connections: () => connections,
    publish: (channel, payload) => {
      const frame = toFrame(payload);
      for (const socket of channels.get(channel) ?? []) socket.write(frame);
    },
  });
});

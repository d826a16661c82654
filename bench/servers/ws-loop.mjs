/**
 * Peer: the bare `ws` package and the loop everybody writes first. The message is turned into a Buffer once (the better of the usual
 * variants) and sent to each socket of a channel. A reader's first message is the list of its channels, answered with `+`.
 */
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { serveControl } from './control.mjs';

const channels = new Map();
const http = createServer();
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false, clientTracking: true });

sockets.on('connection', (socket) => {
  let joined = [];
  socket.once('message', (text) => {
    joined = JSON.parse(String(text));
    for (const name of joined) {
      let members = channels.get(name);
      if (!members) channels.set(name, (members = new Set()));
      members.add(socket);
    }
    socket.send('+');
  });
  socket.on('close', () => {
    for (const name of joined) {
      const members = channels.get(name);
      members?.delete(socket);
      if (members?.size === 0) channels.delete(name);
    }
  });
  socket.on('error', () => undefined);
});

http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  serveControl({
    port: http.address().port,
    connections: () => sockets.clients.size,
    publish: (channel, payload) => {
      const bytes = Buffer.from(payload);
      for (const socket of channels.get(channel) ?? []) socket.send(bytes, { binary: false });
    },
  });
});

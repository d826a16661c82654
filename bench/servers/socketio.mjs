/**
 * Peer: Socket.IO with its in-memory adapter, WebSocket only. `--recovery` turns on connection state recovery (its closest thing to
 * ours), which the recovery row compares with; without it messages are neither numbered nor kept.
 */
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { buildPayloadObject } from '../lib/payload.mjs';
import { serveControl } from './control.mjs';

const http = createServer();
const io = new Server(http, {
  transports: ['websocket'],
  serveClient: false,
  connectTimeout: 120_000,
  ...(process.argv.includes('--recovery')
    ? { connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true } }
    : {}),
});

io.on('connection', (socket) => {
  socket.on('join', (rooms, done) => {
    socket.join(rooms);
    done();
  });
});

http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  serveControl({
    port: http.address().port,
    connections: () => io.engine.clientsCount,
    encode: buildPayloadObject,
    publish: (channel, payload) => {
      io.to(channel).emit('m', payload);
    },
  });
});

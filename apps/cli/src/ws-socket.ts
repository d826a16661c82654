/** `OpenSocket` on the `ws` package: no compression, and no limit on what the server sends, since a bench must not be the one who refuses. */
import WebSocket from 'ws';
import { reasonOf } from './api.js';
import type { OpenSocket, SocketEnd } from './sockets.js';

/** Time for the upgrade. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Time for the server to answer a close. */
const CLOSE_TIMEOUT_MS = 2_000;

export const openSocket: OpenSocket = (url, events) => {
  let ended = false;
  const end = (how: SocketEnd): void => {
    if (ended) return;
    ended = true;
    events.onEnd(how);
  };
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: 0,
  });
  socket.on('open', () => events.onOpen());
  socket.on('message', (data: Buffer) => events.onText(data.toString('utf8')));
  socket.on('unexpected-response', (request, answer) => {
    end({ kind: 'refused', status: answer.statusCode ?? 0 });
    answer.resume();
    request.destroy();
  });
  socket.on('error', (error) => end({ kind: 'unreachable', reason: reasonOf(error) }));
  socket.on('close', (code, reason) => end({ kind: 'closed', code, reason: reason.toString() }));
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => {
      if (socket.readyState === WebSocket.CONNECTING) return socket.terminate();
      socket.close(1000);
      const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
      socket.once('close', () => clearTimeout(timer));
    },
  };
};

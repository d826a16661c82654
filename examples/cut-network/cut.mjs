/**
 * A bad network in a box: forwards a port to the server and, on Enter, cuts every connection and accepts none, until Enter again. With
 * `--freeze` connections stay open and silent instead, as behind a router that lost its mind.
 *
 *   node examples/cut-network/cut.mjs [--port 8001] [--freeze]
 */
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const target = new URL(process.env['TRUNKLINE_URL'] ?? 'http://localhost:8000');
const portAt = process.argv.indexOf('--port');
const port = Number(portAt > 0 ? process.argv[portAt + 1] : 8001);
const freeze = process.argv.includes('--freeze');

/** @type {Set<import('node:net').Socket>} */
const sockets = new Set();
let broken = false;

const proxy = createServer((near) => {
  if (broken && !freeze) return void near.destroy();
  const far = connect({ host: target.hostname, port: Number(target.port || 80) });
  for (const [socket, other] of [
    [near, far],
    [far, near],
  ]) {
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      if (!other.write(chunk)) {
        socket.pause();
        other.once('drain', () => (broken && freeze ? undefined : socket.resume()));
      }
    });
  }
  if (broken) for (const socket of [near, far]) socket.pause();
});

proxy.on('error', (error) => {
  console.error(`cannot listen on port ${port}: ${error.message}`);
  process.exitCode = 1;
});
proxy.listen(port, '127.0.0.1', () => {
  console.log(`http://localhost:${port} leads to ${target.origin}`);
  console.log(`Enter: ${freeze ? 'freeze' : 'cut'} every connection; Enter again: restore; Ctrl-C: end`);
});

createInterface({ input: process.stdin }).on('line', () => {
  broken = !broken;
  for (const socket of sockets) {
    if (!freeze) socket.destroy();
    else if (broken) socket.pause();
    else socket.resume();
  }
  console.log(broken ? (freeze ? 'frozen' : 'cut') : 'restored');
});

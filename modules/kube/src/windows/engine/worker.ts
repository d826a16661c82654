/** The engine in a thread of its own: nothing but its port. What fails in here ends the thread, and whoever started it begins anew. */
import { createSystemClock } from '@trunkline/base';
import { parentPort } from 'node:worker_threads';
import type { ToEngine } from '../messages.js';
import { Engine } from './engine.js';

const port = parentPort;
if (port === null) throw new Error('not a thread of its own');
const clock = createSystemClock();
const engine = new Engine({
  send: (message) => port.postMessage(message),
  soon: (run) => void clock.setImmediate(run),
});
port.on('message', (message: ToEngine) => engine.receive(message));

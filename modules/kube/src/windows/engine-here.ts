/**
 * The engine in the caller's own thread, by turns of a clock. Messages are copied and buffers given away as between threads, so that what works here works there. For tests, measurements and
 * programs with few objects: a sort of many holds up everything else in the thread.
 */
import type { Clock } from '@trunkline/base';
import type { StartEngine } from './engine-port.js';
import { Engine } from './engine/engine.js';

export function startEngineHere(clock: Clock): StartEngine {
  return ({ onMessage }) => {
    let ended = false;
    const later = (run: () => void): void => void clock.setImmediate(() => ended || run());
    const engine = new Engine({
      send: (message) => {
        const copy = structuredClone(message);
        later(() => onMessage(copy));
      },
      soon: later,
    });
    return {
      post: (message, transfer = []) => {
        const copy = structuredClone(message, { transfer: [...transfer] });
        later(() => engine.receive(copy));
      },
      dispose: () => void (ended = true),
    };
  };
}

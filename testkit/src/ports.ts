/** Free ports for servers that must come back on the same one: below the range that outgoing connections take theirs from. */
import { createServer } from 'node:net';
import { createSystemRandom, randomInt } from '@trunkline/base';

/** A port of the loopback interface that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const random = createSystemRandom();
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 15_000 + randomInt(random, 15_000);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port found between 15000 and 30000');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

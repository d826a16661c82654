/** Free ports for servers that must come back on the same one: below the range that outgoing connections take theirs from. */
import { createServer } from 'node:net';
import { createSystemRandom, randomInt } from '@trunkline/base';

const FIRST = 15_000;
/** Each of the test runner's workers takes from a part of its own, so that nobody takes the port of a server that is being started again. */
const PORTS_OF_A_WORKER = 3_500;
const WORKERS = 4;
const worker = Number(process.env['VITEST_POOL_ID'] ?? 1) % WORKERS;

/** A port of the loopback interface that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const random = createSystemRandom();
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = FIRST + worker * PORTS_OF_A_WORKER + randomInt(random, PORTS_OF_A_WORKER);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found from ${FIRST + worker * PORTS_OF_A_WORKER} on`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

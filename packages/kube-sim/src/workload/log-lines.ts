/** What the containers of the demo cluster print: requests served, now and then something worse. */
import { randomInt, type Random } from '@trunkline/base';

const PATHS = [
  '/orders',
  '/orders/17',
  '/cart',
  '/health',
  '/search?q=lamp',
  '/login',
  '/static/app.js',
] as const;

export function logLine(random: Random, app: string): string {
  const chance = random.next();
  const path = PATHS[randomInt(random, PATHS.length)] ?? '/';
  if (chance < 0.02)
    return JSON.stringify({ level: 'error', app, msg: 'upstream timed out', path, ms: 5000 });
  if (chance < 0.07)
    return JSON.stringify({
      level: 'warn',
      app,
      msg: 'slow request',
      path,
      ms: 800 + randomInt(random, 900),
    });
  return JSON.stringify({
    level: 'info',
    app,
    msg: 'request',
    path,
    status: 200,
    ms: 2 + randomInt(random, 90),
  });
}

/** What operators' machines ask of a node: is it alive, may it get traffic, what are its numbers. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { CodedError } from '@trunkline/protocol';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { StoreState } from '../store/server-store.js';

export interface NodeRoutesDeps {
  readonly hub: { readonly draining: boolean };
  /** Absent: there is none. */
  readonly store?: { readonly health: { readonly state: StoreState } } | undefined;
  readonly metrics?: Registry | undefined;
}

export function registerNodeRoutes(
  app: FastifyInstance,
  { hub, metrics, store }: NodeRoutesDeps,
  options: { readonly metricsToken?: string | undefined },
): void {
  app.get('/health/live', (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'live' }),
  );

  app.get('/health/ready', (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    const told = store ? { store: store.health.state } : {};
    if (hub.draining) return reply.code(503).send({ status: 'draining', ...told });
    // Only while it is opened for the first time: a node whose database is away still serves everything that is not durable.
    if (store?.health.state === 'opening') return reply.code(503).send({ status: 'starting', ...told });
    return reply.send({ status: 'ready', ...told });
  });

  if (!metrics) return;
  app.get('/metrics', async (request, reply) => {
    if (options.metricsToken !== undefined && !isBearer(request.headers.authorization, options.metricsToken))
      throw new CodedError('unauthorized');
    return reply
      .header('cache-control', 'no-store')
      .type(metrics.contentType)
      .send(await metrics.metrics());
  });
}

function isBearer(header: string | undefined, token: string): boolean {
  const given = /^bearer\s+(\S+)$/i.exec(header ?? '')?.[1];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

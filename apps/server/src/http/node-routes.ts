/** What operators' machines ask of a node: is it alive, may it get traffic, what are its numbers. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { CodedError } from '@trunkline/protocol';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';

export interface NodeRoutesDeps {
  readonly hub: { readonly draining: boolean };
  readonly metrics?: Registry | undefined;
}

export function registerNodeRoutes(
  app: FastifyInstance,
  { hub, metrics }: NodeRoutesDeps,
  options: { readonly metricsToken?: string | undefined },
): void {
  app.get('/health/live', (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'live' }),
  );

  app.get('/health/ready', (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    return hub.draining ? reply.code(503).send({ status: 'draining' }) : reply.send({ status: 'ready' });
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

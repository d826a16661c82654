/** `POST …/serviceaccounts/x/token`: a bearer token for a service account that exists. */
import { randomId } from '@trunkline/base';
import { serviceAccountUser } from '../access/user.js';
import { read, toTimestamp } from '../model/objects.js';
import { notFound } from '../model/status.js';
import { readJson } from './body.js';
import type { Exchange, Services } from './exchange.js';

const DEFAULT_SECONDS = 3_600;
const MIN_SECONDS = 600;

export async function handleTokenRequest(exchange: Exchange, services: Services): Promise<void> {
  const { answer, request, type, info } = exchange;
  const { cluster, authenticator, random, clock } = services;
  const body = await readJson(request, ['application/json']);
  const account = cluster.get(type, info.namespace, info.name)?.object;
  if (account === undefined) throw notFound(type, info.name);
  const asked = Number(read(body, 'spec', 'expirationSeconds') ?? DEFAULT_SECONDS);
  const seconds = Number.isFinite(asked) ? Math.max(MIN_SECONDS, asked) : DEFAULT_SECONDS;
  const token = `sim-${randomId(random, 40)}`;
  const { uid } = account.metadata;
  const user = serviceAccountUser(info.namespace, info.name);
  authenticator.setToken(token, uid === undefined ? user : { ...user, uid }, seconds * 1000);
  answer.json(201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: info.name, namespace: info.namespace },
    spec: { expirationSeconds: seconds },
    status: { token, expirationTimestamp: toTimestamp(clock.now() + seconds * 1000) },
  });
}

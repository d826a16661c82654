/** Which container a stream is for. */
import { chooseContainer } from '../http/pod-log.js';
import type { Exchange, Services } from '../http/exchange.js';
import { notFound } from '../model/status.js';

/** Throws 404 for a pod that is not there and 400 for a container that is none of its own, or is not named where there are several. */
export function containerOf({ info, type, query }: Exchange, { cluster }: Services): string {
  const pod = cluster.get(type, info.namespace, info.name)?.object;
  if (pod === undefined) throw notFound(type, info.name);
  return chooseContainer(pod, query.get('container') ?? '');
}

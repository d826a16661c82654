/** What a node says of itself: to its operators, and to the other nodes. */
import type { NodeStats } from '../ports/api.js';
import type { NodeFacts } from '../ports/questions.js';
import type { RouterDeps } from './deps.js';

type Counted = Pick<RouterDeps, 'clients' | 'channels' | 'counters' | 'nodeId'>;

/** The same numbers in both, so that they can be compared. */
function populationOf({ clients, channels }: Counted) {
  let subscriptions = 0;
  for (const client of clients.all()) subscriptions += client.subscriptions.size;
  return {
    connections: clients.count,
    users: clients.users(),
    orgs: clients.orgs().length,
    subscriptions,
    channels: channels.count,
  };
}

export function nodeStats(router: Counted, startedAtMs: number): NodeStats {
  const { clients, counters, nodeId } = router;
  let outboxBytes = 0;
  for (const client of clients.all()) outboxBytes += client.connection.outboxBytes;
  return {
    nodeId,
    startedAtMs,
    ...populationOf(router),
    framesIn: counters.framesIn,
    framesOut: counters.framesOut,
    bytesIn: counters.bytesIn,
    bytesOut: counters.bytesOut,
    publications: counters.publications,
    deliveries: counters.deliveries,
    commands: Object.fromEntries(counters.commands),
    errors: Object.fromEntries(counters.errors),
    closes: Object.fromEntries(counters.closes),
    overflows: { ...counters.overflows },
    recoveries: { recovered: counters.recovered, unrecovered: counters.unrecovered },
    denials: counters.denials,
    outboxBytes,
    deliveryLatencyMs: counters.latencyQuantiles(),
  };
}

/** What the others are told of this node. */
export function nodeFacts(
  router: Counted & Pick<RouterDeps, 'clock' | 'options'>,
  startedAtMs: number,
): Omit<NodeFacts, 'node'> {
  const { clock, nodeId, options } = router;
  const { nodeName, version } = options;
  return {
    name: nodeName === '' ? nodeId : nodeName,
    version,
    startedAtMs,
    uptimeMs: Math.max(0, clock.now() - startedAtMs),
    ...populationOf(router),
  };
}

/** The connections of an org over all nodes, as `OrgApi.connections` gives those of one. */
import type { ClientTarget, ConnectionSummary, OrgApi, SubscriptionSummary } from '../ports/api.js';
import type { Nodes } from '../ports/nodes.js';
import { asCount, asList, asObject, asOptionalText, asText, isText } from './reading.js';
import { spreadList, type PageRequest, type SpreadPage } from './spread-list.js';

export const CONNECTIONS = spreadList<ClientTarget, ConnectionSummary>({
  name: 'hub.connections',
  readQuery: (value) => {
    const fields = asObject(value);
    const user = asOptionalText(fields, 'user');
    const client = asOptionalText(fields, 'client');
    return { ...(user === undefined ? {} : { user }), ...(client === undefined ? {} : { client }) };
  },
  readItem: readConnection,
  part: (org, target, page) => {
    const { connections, total } = org.connections({ ...target, ...page });
    return { items: connections, total, complete: true };
  },
  items: (org, ids) => ids.flatMap((client) => org.connections({ client, limit: 1 }).connections),
  keyOf: ({ connectedAtMs, client }) => ({ at: connectedAtMs, id: client }),
});

/** A page of them, newest first. */
export function surveyConnections(
  nodes: Pick<Nodes, 'id' | 'alone'>,
  org: OrgApi,
  target: ClientTarget,
  page: PageRequest,
): Promise<SpreadPage<ConnectionSummary>> {
  return CONNECTIONS.page(nodes, org, target, page);
}

const TEXTS = [
  'client',
  'user',
  'org',
  'transport',
  'codec',
  'remoteAddress',
  'name',
  'version',
] as const satisfies readonly (keyof ConnectionSummary)[];
const DELIVERIES: readonly unknown[] = [
  'flowing',
  'cut',
  'conflating',
  'gapping',
] satisfies readonly SubscriptionSummary['delivery'][];

function readConnection(value: unknown): ConnectionSummary {
  const fields = asObject(value);
  const texts = Object.fromEntries(TEXTS.map((name) => [name, asText(fields, name)])) as Record<
    (typeof TEXTS)[number],
    string
  >;
  return {
    ...texts,
    connectedAtMs: asCount(fields, 'connectedAtMs'),
    extensions: asList(fields['extensions']).filter(isText),
    outboxMessages: asCount(fields, 'outboxMessages'),
    outboxBytes: asCount(fields, 'outboxBytes'),
    subscriptions: asList(fields['subscriptions']).map(readSubscription),
  };
}

function readSubscription(value: unknown): SubscriptionSummary {
  const fields = asObject(value);
  const position = asObject(fields['position']);
  const { delivery } = fields;
  if (!DELIVERIES.includes(delivery)) throw new TypeError('delivery is none');
  return {
    channel: asText(fields, 'channel'),
    subscribedAtMs: asCount(fields, 'subscribedAtMs'),
    type: asText(fields, 'type'),
    position: { epoch: asText(position, 'epoch'), offset: asCount(position, 'offset') },
    recoverable: fields['recoverable'] === true,
    serverSide: fields['serverSide'] === true,
    delivery: delivery as SubscriptionSummary['delivery'],
    dropped: asCount(fields, 'dropped'),
  };
}

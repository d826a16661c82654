/**
 * What the nodes of a deployment ask each other for this module, always inside one org: pages of connections, one connection, the facts about a reader
 * and a channel, and the counts that org samples are made of. Each node answers from its own `OrgApi`; what came from another is checked with the
 * contract's own schemas.
 */
import { nodeContract, type ConnectionRow, type SubscriptionSummary } from '@trunkline/contracts/node';
import {
  answerInOrg,
  firstWithin,
  missing,
  spreadList,
  type Answer,
  type ClientTarget,
  type Kind,
  type ListPart,
  type OrgApi,
  type SpreadList,
} from '@trunkline/hub';
import { isFiltered, matches, subscriptionPage, toRow, type ConnectionFilter } from './connections.js';
import { explainHere, type ExplainedHere, type ExplainQuestion } from './explain.js';
import type { NodeTuning } from './options.js';
import { readOrg, type OrgReading } from './samples.js';

type Query = ClientTarget & ConnectionFilter;

/** A page of one connection's subscriptions. */
export interface SubscriptionsQuestion {
  readonly client: string;
  readonly search?: string | undefined;
  readonly limit: number;
  readonly offset: number;
}

interface SubscriptionsHere {
  readonly connection?: ConnectionRow | undefined;
  readonly subscriptions: readonly SubscriptionSummary[];
  readonly total: number;
}

const { rpc } = nodeContract;
const row = rpc['node.connections'].result.shape.connections.element;
const queries = rpc['node.connections'].params;
const one = rpc['node.connection'];

export const READING: Kind<null, OrgReading> = {
  name: 'node.orgReading',
  question: () => null,
  answer: (value) => readReading(value),
};

const SUBSCRIPTIONS: Kind<SubscriptionsQuestion, SubscriptionsHere> = {
  name: 'node.subscriptions',
  question: (value) => {
    const { client, search, limit = 0, offset = 0 } = one.params.parse(value);
    return { client, search, limit, offset };
  },
  answer: (value) => one.result.parse(value),
};

const explained = rpc['node.explain'];

export const EXPLAIN: Kind<ExplainQuestion, ExplainedHere> = {
  name: 'node.explain',
  question: (value) => explained.params.parse(value),
  answer: (value) => {
    const { connections, total, events } = explained.result.parse({ insecure: false, ...asObject(value) });
    return { connections, total, events, subscribers: asCount(asObject(value)['subscribers']) };
  },
};

/** How many read a channel at a node. */
export const READERS: Kind<string, number> = {
  name: 'node.readers',
  question: (value) => {
    if (typeof value !== 'string') throw new TypeError('a channel is expected');
    return value;
  },
  answer: asCount,
};

export interface Elsewhere {
  readonly answers: readonly Answer[];
  readonly connections: SpreadList<Query, ConnectionRow>;
  /** One connection with a page of its subscriptions, wherever it is. */
  connection(
    org: OrgApi,
    question: SubscriptionsQuestion,
  ): Promise<SubscriptionsHere & { readonly incomplete: readonly string[] }>;
}

export function createElsewhere(tuning: NodeTuning): Elsewhere {
  const part = (
    org: OrgApi,
    { user, client, ...filter }: Query,
    { limit, offset }: { readonly limit: number; readonly offset: number },
  ): ListPart<ConnectionRow> => {
    const target = { ...(user !== undefined && { user }), ...(client !== undefined && { client }) };
    if (!isFiltered(filter)) {
      const { connections, total } = org.connections({ ...target, limit, offset });
      return { items: connections.map(toRow), total, complete: true };
    }
    const { connections, total } = org.connections({ ...target, limit: tuning.searchedConnections });
    const found = connections.filter((connection) => matches(connection, filter));
    return {
      items: found.slice(offset, offset + limit).map(toRow),
      total: found.length,
      complete: total <= connections.length,
    };
  };
  const connections = spreadList<Query, ConnectionRow>({
    name: 'node.connections',
    readQuery: (value) => toQuery(queries.parse(value)),
    readItem: (value) => row.parse(value),
    part,
    items: (org, ids) =>
      ids.flatMap((client) => org.connections({ client, limit: 1 }).connections.map(toRow)),
    keyOf: ({ connectedAtMs, client }) => ({ at: connectedAtMs, id: client }),
  });
  return {
    connections,
    answers: [
      ...connections.answers,
      answerInOrg(READING, (org) => readOrg(org, tuning)),
      answerInOrg(READERS, async (org, channel) => (await org.channel(channel)).subscribers),
      answerInOrg(EXPLAIN, explainHere),
      answerInOrg(SUBSCRIPTIONS, (org, { client, ...page }, { pageBytes }) => {
        const [connection] = org.connections({ client, limit: 1 }).connections;
        if (!connection) return { subscriptions: [], total: 0 };
        const { subscriptions, total } = subscriptionPage(connection, page);
        return { connection: toRow(connection), subscriptions: firstWithin(subscriptions, pageBytes), total };
      }),
    ],
    async connection(org, question) {
      const survey = await org.ask(SUBSCRIPTIONS, question);
      const found = survey.replies.find(({ answer }) => answer.connection !== undefined);
      const { connection, ...page } = found?.answer ?? { subscriptions: [], total: 0 };
      return {
        ...page,
        ...(connection && found && { connection: { ...connection, node: found.node } }),
        // Where it was found, nobody else matters.
        incomplete: found ? [] : missing(survey),
      };
    },
  };
}

/** Absent fields stay absent. */
function toQuery(given: {
  readonly user?: string | undefined;
  readonly client?: string | undefined;
  readonly search?: string | undefined;
  readonly channel?: string | undefined;
  readonly state?: ConnectionFilter['state'];
}): Query {
  const { user, client, search, channel, state } = given;
  return {
    ...(user !== undefined && { user }),
    ...(client !== undefined && { client }),
    ...(search !== undefined && { search }),
    ...(channel !== undefined && { channel }),
    ...(state !== undefined && { state }),
  };
}

const READING_FIELDS = [
  'sinceMs',
  'connections',
  'users',
  'subscriptions',
  'messagesIn',
  'messagesOut',
  'bytesIn',
  'bytesOut',
  'outboxBytes',
  'channels',
  'behind',
] as const satisfies readonly (keyof OrgReading)[];

function readReading(value: unknown): OrgReading {
  const fields = asObject(value);
  const counts = Object.fromEntries(
    READING_FIELDS.map((name) => [name, asCount(fields[name])]),
  ) as unknown as Omit<OrgReading, 'complete'>;
  return { ...counts, complete: fields['complete'] === true };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new TypeError('an object is expected');
  return value as Readonly<Record<string, unknown>>;
}

function asCount(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0)) throw new TypeError('a number from 0 is expected');
  return value;
}

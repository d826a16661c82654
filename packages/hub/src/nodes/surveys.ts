/**
 * What every hub can be asked by the others about itself or about an org, and the sums that callers make of it: numbers, recent events, channels with
 * readers. Merging is pure: each item keeps the name of its node, one order holds over all nodes, and who did not answer is named.
 */
import type { ChannelSummary, OrgApi } from '../ports/api.js';
import type { OrgEvent, OrgEventFilter } from '../ports/diagnosis.js';
import { answerInOrg, answerOnNode, type Answer, type Nodes } from '../ports/nodes.js';
import type { Kind, NodeFacts, Survey } from '../ports/questions.js';
import { asCount, asList, asObject, asOptionalText, asText, isText, type Fields } from './reading.js';

/** A node as one org may see it: the counts are of that org. */
export type NodeOrgFacts = Omit<NodeFacts, 'orgs'>;

interface EventsAnswer {
  readonly events: readonly OrgEvent[];
  /** There were more than a page holds; the oldest were left out. */
  readonly cut: boolean;
}

interface ChannelsQuestion {
  readonly pattern?: string;
  /** Names after this one, in the order of code units; '': from the first. */
  readonly after: string;
  readonly limit: number;
}

interface ChannelsAnswer {
  /** In the order of their names. */
  readonly channels: readonly ChannelSummary[];
  readonly more: boolean;
}

const FACTS: Kind<null, NodeFacts> = { name: 'hub.facts', question: () => null, answer: readFacts };

const ORG_FACTS: Kind<null, NodeOrgFacts> = {
  name: 'hub.orgFacts',
  question: () => null,
  answer: (value) => {
    const { orgs: _orgs, ...facts } = readFacts({ ...asObject(value), orgs: 1 });
    return facts;
  },
};

const EVENTS: Kind<OrgEventFilter, EventsAnswer> = {
  name: 'hub.events',
  question: (value) => {
    const fields = asObject(value);
    const { kinds, after, limit } = fields;
    return {
      ...optional(fields, 'client'),
      ...optional(fields, 'user'),
      ...optional(fields, 'channel'),
      ...(kinds === undefined ? {} : { kinds: asList(kinds).filter(isText) as OrgEvent['kind'][] }),
      ...(after === undefined ? {} : { after: asCount(fields, 'after') }),
      ...(limit === undefined ? {} : { limit: asCount(fields, 'limit') }),
    };
  },
  answer: (value) => {
    const fields = asObject(value);
    return { events: asList(fields['events']).map(readEvent), cut: fields['cut'] === true };
  },
};

const CHANNELS: Kind<ChannelsQuestion, ChannelsAnswer> = {
  name: 'hub.channels',
  question: (value) => {
    const fields = asObject(value);
    return {
      ...optional(fields, 'pattern'),
      after: asText(fields, 'after'),
      limit: asCount(fields, 'limit'),
    };
  },
  answer: (value) => {
    const fields = asObject(value);
    const channels = asList(fields['channels']).map((item) => {
      const one = asObject(item);
      return { channel: asText(one, 'channel'), subscribers: asCount(one, 'subscribers') };
    });
    return { channels, more: fields['more'] === true };
  },
};

/** What this hub answers. `facts`: of the whole node. */
export function hubAnswers(facts: () => NodeFacts): readonly Answer[] {
  return [
    answerOnNode(FACTS, () => facts()),
    answerInOrg(ORG_FACTS, (org) => {
      const { orgs: _orgs, ...node } = facts();
      const { connections, users, subscriptions } = org.stats();
      return {
        ...node,
        connections,
        users,
        subscriptions,
        channels: org.channels(undefined, Infinity).length,
      };
    }),
    answerInOrg(EVENTS, (org, filter, { pageBytes }) => {
      const all = org.events(filter);
      const events = firstWithin(all, pageBytes);
      return { events, cut: events.length < all.length };
    }),
    answerInOrg(CHANNELS, (org, { pattern, after, limit }, { pageBytes }) => {
      const following = org.channels(pattern, Infinity).filter(({ channel }) => channel > after);
      const channels = firstWithin(firstByName(following, limit), pageBytes);
      return { channels, more: channels.length < following.length };
    }),
  ];
}

export interface Spread<T> {
  readonly found: readonly (T & { readonly node: string })[];
  /** Nodes that did not answer, or not all that was asked of them. */
  readonly incomplete: readonly string[];
}

/** All nodes with the counts of the whole, this one first. */
export async function surveyNodes(nodes: Pick<Nodes, 'ask'>): Promise<Spread<NodeFacts>> {
  return toSpread(await nodes.ask(FACTS, null), (facts) => facts);
}

/** All nodes with the counts of one org. */
export async function surveyOrgNodes(org: Pick<OrgApi, 'ask'>): Promise<Spread<NodeOrgFacts>> {
  return toSpread(await org.ask(ORG_FACTS, null), (facts) => facts);
}

/** The newest events of all nodes, newest first; `filter.after` counts at each node by itself. `node`: only of that one. */
export async function surveyEvents(
  org: Pick<OrgApi, 'ask'>,
  filter: OrgEventFilter,
  node?: string,
): Promise<{
  readonly events: readonly (OrgEvent & { readonly node: string })[];
  readonly incomplete: readonly string[];
}> {
  const survey = await org.ask(EVENTS, filter, node === undefined ? {} : { nodes: [node] });
  const events = survey.replies.flatMap(({ node: name, answer }) =>
    answer.events.map((event) => ({ ...event, node: name })),
  );
  events.sort(
    (left, right) =>
      right.timeMs - left.timeMs ||
      (left.node === right.node ? right.seq - left.seq : left.node < right.node ? -1 : 1),
  );
  const cut = survey.replies.filter(({ answer }) => answer.cut).map((reply) => reply.node);
  return { events: events.slice(0, filter.limit), incomplete: missing(survey, cut) };
}

/** Rounds of questions that one list of channels may take: with pages of 256 KiB, some 100,000 names. */
const CHANNEL_ROUNDS = 32;

/** Channels with readers anywhere, in the order of their names, each with the sum of its readers. */
export async function surveyChannels(
  org: Pick<OrgApi, 'ask'>,
  pattern: string | undefined,
  limit: number,
): Promise<{ readonly channels: readonly ChannelSummary[]; readonly incomplete: readonly string[] }> {
  const channels: ChannelSummary[] = [];
  const failed = new Set<string>();
  let asked: readonly string[] | undefined;
  let after = '';
  for (let round = 1; channels.length < limit; round++) {
    const survey: Survey<ChannelsAnswer> = await org.ask(
      CHANNELS,
      { ...(pattern === undefined ? {} : { pattern }), after, limit: limit - channels.length },
      asked === undefined ? {} : { nodes: asked },
    );
    for (const { node } of survey.failures) failed.add(node);
    const { merged, through } = mergeChannels(survey);
    channels.push(...merged);
    if (through === undefined) break;
    if (round === CHANNEL_ROUNDS) {
      for (const { node, answer } of survey.replies) if (answer.more) failed.add(node);
      break;
    }
    after = through;
    asked = survey.replies.map(({ node }) => node);
  }
  return { channels: channels.slice(0, limit), incomplete: [...failed].sort() };
}

/** What is certain of the union: names up to where the first page that was cut ends. `through`: that name; undefined where no page was cut. */
function mergeChannels({ replies }: Survey<ChannelsAnswer>): {
  readonly merged: readonly ChannelSummary[];
  readonly through: string | undefined;
} {
  let through: string | undefined;
  const sums = new Map<string, number>();
  for (const { answer } of replies) {
    for (const { channel, subscribers } of answer.channels)
      sums.set(channel, (sums.get(channel) ?? 0) + subscribers);
    const last = answer.channels.at(-1)?.channel;
    if (answer.more && last !== undefined && (through === undefined || last < through)) through = last;
  }
  const names = [...sums.keys()].filter((name) => through === undefined || name <= through).sort();
  return { merged: names.map((channel) => ({ channel, subscribers: sums.get(channel) ?? 0 })), through };
}

/** The first `count` in the order of names, without sorting all of them. */
function firstByName(all: readonly ChannelSummary[], count: number): readonly ChannelSummary[] {
  const byName = (left: ChannelSummary, right: ChannelSummary): number =>
    left.channel < right.channel ? -1 : 1;
  if (all.length <= count) return [...all].sort(byName);
  const first = all.slice(0, count).sort(byName);
  for (const one of all.slice(count)) {
    if (one.channel > (first.at(-1)?.channel ?? '')) continue;
    let low = 0;
    for (let high = first.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((first[middle]?.channel ?? '') < one.channel) low = middle + 1;
      else high = middle;
    }
    first.splice(low, 0, one);
    first.pop();
  }
  return first;
}

/** The first items whose JSON stays within `maxBytes`; one always fits. */
export function firstWithin<T>(items: readonly T[], maxBytes: number): readonly T[] {
  let bytes = 0;
  for (const [index, item] of items.entries()) {
    bytes += JSON.stringify(item).length + 1;
    if (bytes > maxBytes && index > 0) return items.slice(0, index);
  }
  return items;
}

/** Nodes that failed, and `more`; sorted, each once. */
export function missing(survey: Survey<unknown>, more: readonly string[] = []): readonly string[] {
  return [...new Set([...survey.failures.map(({ node }) => node), ...more])].sort();
}

function toSpread<A, T extends object>(survey: Survey<A>, item: (answer: A) => T): Spread<T> {
  return {
    found: survey.replies.map(({ node, answer }) => ({ ...item(answer), node })),
    incomplete: missing(survey),
  };
}

function readFacts(value: unknown): NodeFacts {
  const fields = asObject(value);
  return {
    node: asText(fields, 'node'),
    name: asText(fields, 'name'),
    version: asText(fields, 'version'),
    startedAtMs: asCount(fields, 'startedAtMs'),
    uptimeMs: asCount(fields, 'uptimeMs'),
    connections: asCount(fields, 'connections'),
    users: asCount(fields, 'users'),
    orgs: asCount(fields, 'orgs'),
    subscriptions: asCount(fields, 'subscriptions'),
    channels: asCount(fields, 'channels'),
  };
}

/** The fields that all kinds have; a newer node may know kinds that this one does not, so the rest is passed on as plain values. */
function readEvent(value: unknown): OrgEvent {
  const fields = asObject(value);
  asCount(fields, 'seq');
  asCount(fields, 'timeMs');
  for (const name of ['client', 'user', 'kind']) asText(fields, name);
  return fields as unknown as OrgEvent;
}

function optional<N extends string>(fields: Fields, name: N): { readonly [K in N]?: string } {
  const value = asOptionalText(fields, name);
  return (value === undefined ? {} : { [name]: value }) as { readonly [K in N]?: string };
}

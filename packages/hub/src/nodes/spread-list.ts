/**
 * A list whose parts lie at many nodes, paged in one order. Each node is asked for the keys of its first items, which are small, and sends as many of
 * the items along as a page holds; what a page of the whole needs beside them is fetched from the nodes that have it. Alone, a node answers from its
 * own part without keys. Items that went between the two questions are left out.
 */
import type { OrgApi } from '../ports/api.js';
import { answerInOrg, type Answer, type Nodes } from '../ports/nodes.js';
import type { Kind, Survey } from '../ports/questions.js';
import { asCount, asList, asObject, asText } from './reading.js';
import { firstWithin, missing } from './surveys.js';

export interface PageRequest {
  readonly limit: number;
  readonly offset: number;
}

/** One node's part of a list, in the order of the list. */
export interface ListPart<R> {
  readonly items: readonly R[];
  /** All that match at the node. */
  readonly total: number;
  /** False where the node has more than it looks through. */
  readonly complete: boolean;
}

export interface ListDefinition<Q, R> {
  /** Of the two kinds of questions: letters and dots. */
  readonly name: string;
  /** Checks a query of another node; throws. */
  readonly readQuery: (value: unknown) => Q;
  /** Checks an item of another node; throws. */
  readonly readItem: (value: unknown) => R;
  readonly part: (org: OrgApi, query: Q, page: PageRequest) => ListPart<R>;
  /** The items with these ids that are (still) here. */
  readonly items: (org: OrgApi, ids: readonly string[]) => readonly R[];
  /** The list is in descending order of `at`, then in ascending order of `id`, which is unique. */
  readonly keyOf: (item: R) => { readonly at: number; readonly id: string };
}

export interface SpreadPage<R> {
  readonly items: readonly { readonly node: string; readonly item: R }[];
  readonly total: number;
  readonly complete: boolean;
  /** Nodes that did not answer, or not whole. */
  readonly incomplete: readonly string[];
}

export interface SpreadList<Q, R> {
  readonly answers: readonly Answer[];
  /** Throws what this node's own part throws. */
  page(nodes: Pick<Nodes, 'id' | 'alone'>, org: OrgApi, query: Q, page: PageRequest): Promise<SpreadPage<R>>;
}

interface Key {
  readonly at: number;
  readonly id: string;
}

interface KeysQuestion<Q> {
  readonly query: Q;
  /** How many of the first items. */
  readonly first: number;
  /** Whether items are wanted along. */
  readonly items: boolean;
}

interface KeysAnswer<R> {
  readonly keys: readonly Key[];
  readonly total: number;
  readonly complete: boolean;
  /** Those of the first keys. */
  readonly items: readonly R[];
}

/** Keys that one node sends at most: about a megabyte. Deeper pages end there, and say so. */
const KEYS_MAX = 20_000;
/** Questions for the items of one page, to each node: with pages of 256 KiB up to 16 MiB. */
const ROUNDS = 64;

export function spreadList<Q, R>(definition: ListDefinition<Q, R>): SpreadList<Q, R> {
  const { name, readQuery, readItem, part, items: itemsOf, keyOf } = definition;
  const keysKind: Kind<KeysQuestion<Q>, KeysAnswer<R>> = {
    name: `${name}.keys`,
    question: (value) => {
      const fields = asObject(value);
      return {
        query: readQuery(fields['query']),
        first: Math.min(KEYS_MAX, asCount(fields, 'first')),
        items: fields['items'] === true,
      };
    },
    answer: (value) => {
      const fields = asObject(value);
      return {
        keys: asList(fields['keys']).map(readKey),
        total: asCount(fields, 'total'),
        complete: fields['complete'] === true,
        items: asList(fields['items']).map(readItem),
      };
    },
  };
  const itemsKind: Kind<readonly string[], readonly R[]> = {
    name: `${name}.items`,
    question: (value) =>
      asList(value).map((id) => {
        if (typeof id !== 'string') throw new TypeError('ids must be texts');
        return id;
      }),
    answer: (value) => asList(value).map(readItem),
  };

  const fetchItems = async (
    org: OrgApi,
    node: string,
    ids: readonly string[],
  ): Promise<{ readonly items: readonly R[]; readonly whole: boolean }> => {
    const items: R[] = [];
    let left = ids;
    for (let round = 0; round < ROUNDS && left.length > 0; round++) {
      const { replies } = await org.ask(itemsKind, left, { nodes: [node] });
      const [reply] = replies;
      if (!reply) return { items, whole: false };
      // None of them is there any more.
      if (reply.answer.length === 0) return { items, whole: true };
      items.push(...reply.answer);
      const last = keyOf(reply.answer[reply.answer.length - 1] as R).id;
      // A page ends where it is full; what it left out before that point is gone.
      left = left.slice(left.indexOf(last) + 1);
    }
    return { items, whole: left.length === 0 };
  };

  return {
    answers: [
      answerInOrg(keysKind, (org, { query, first, items }, { pageBytes }) => {
        const found = part(org, query, { limit: first, offset: 0 });
        return {
          keys: found.items.map(keyOf),
          total: found.total,
          complete: found.complete,
          items: items ? firstWithin(found.items, pageBytes) : [],
        };
      }),
      answerInOrg(itemsKind, (org, ids, { pageBytes }) => {
        const byId = new Map(itemsOf(org, ids).map((item) => [keyOf(item).id, item]));
        const ordered = ids.flatMap((id) => {
          const item = byId.get(id);
          return item === undefined ? [] : [item];
        });
        return firstWithin(ordered, pageBytes);
      }),
    ],

    async page(nodes, org, query, { limit, offset }) {
      if (nodes.alone) {
        const { items, total, complete } = part(org, query, { limit, offset });
        return {
          items: items.map((item) => ({ node: nodes.id, item })),
          total,
          complete,
          incomplete: [],
        };
      }
      const first = Math.min(KEYS_MAX, offset + limit);
      const survey = await org.ask(keysKind, { query, first, items: offset === 0 });
      const chosen = merge(survey).slice(offset, offset + limit);
      const known = new Map<string, R>();
      for (const { node, answer } of survey.replies)
        for (const item of answer.items) known.set(`${node} ${keyOf(item).id}`, item);
      const wanted = new Map<string, string[]>();
      for (const { node, id } of chosen)
        if (!known.has(`${node} ${id}`)) wanted.set(node, [...(wanted.get(node) ?? []), id]);
      const parts: string[] = [];
      await Promise.all(
        Array.from(wanted, async ([node, ids]) => {
          const { items, whole } = await fetchItems(org, node, ids);
          for (const item of items) known.set(`${node} ${keyOf(item).id}`, item);
          if (!whole) parts.push(node);
        }),
      );
      const shortened = survey.replies.filter(
        ({ answer }) =>
          answer.keys.length === KEYS_MAX && answer.total > KEYS_MAX && offset + limit > KEYS_MAX,
      );
      return {
        items: chosen.flatMap(({ node, id }) => {
          const item = known.get(`${node} ${id}`);
          return item === undefined ? [] : [{ node, item }];
        }),
        total: survey.replies.reduce((sum, { answer }) => sum + answer.total, 0),
        complete: survey.replies.every(({ answer }) => answer.complete),
        incomplete: missing(survey, [...parts, ...shortened.map(({ node }) => node)]),
      };
    },
  };
}

function merge<R>({ replies }: Survey<KeysAnswer<R>>): readonly (Key & { readonly node: string })[] {
  return replies
    .flatMap(({ node, answer }) => answer.keys.map((key) => ({ ...key, node })))
    .sort(
      (left, right) => right.at - left.at || compare(left.id, right.id) || compare(left.node, right.node),
    );
}

function readKey(value: unknown): Key {
  const fields = asObject(value);
  const { at } = fields;
  if (typeof at !== 'number') throw new TypeError('at must be a number');
  return { at, id: asText(fields, 'id') };
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

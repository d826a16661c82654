/** What nodes announce, read field by field: another node wrote it. */
import type { NodeFacts } from '../ports/questions.js';

export interface Announcement {
  readonly facts: NodeFacts;
  /** Of the node at the broker; '' where it has none. */
  readonly address: string;
}

const COUNTS = [
  'startedAtMs',
  'uptimeMs',
  'connections',
  'users',
  'orgs',
  'subscriptions',
  'channels',
] as const;
const TEXT_MAX = 255;

/** Undefined for what is no announcement of `node`. */
export function readAnnouncement(node: string, text: string | Uint8Array): Announcement | undefined {
  if (typeof text !== 'string' || text.length > 8 * 1_024) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const given = value as Readonly<Record<string, unknown>>;
  const { name, version, address } = given;
  if (!isText(name) || !isText(version) || !isText(address)) return undefined;
  const counts: Partial<Record<(typeof COUNTS)[number], number>> = {};
  for (const field of COUNTS) {
    const count = given[field];
    if (typeof count !== 'number' || !(count >= 0)) return undefined;
    counts[field] = count;
  }
  return {
    facts: { node, name, version, ...(counts as Record<(typeof COUNTS)[number], number>) },
    address,
  };
}

export function writeAnnouncement({ facts, address }: Announcement): string {
  const { name, version, ...more } = facts;
  return JSON.stringify({
    ...more,
    name: name.slice(0, TEXT_MAX),
    version: version.slice(0, TEXT_MAX),
    address,
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_MAX;
}

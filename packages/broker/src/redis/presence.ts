/** Presence in Redis. A value begins with its user, so that scripts can count users without reading JSON. */
import { Buffer } from 'node:buffer';
import type { ChannelKey, ClientInfo } from '@trunkline/protocol';
import type { PresenceStats } from '../broker.js';
import { milliseconds } from './answers.js';
import { script } from './link.js';
import { PRESENCE_ADD, PRESENCE_LIST, PRESENCE_REMOVE, PRESENCE_STATS } from './scripts.js';
import type { EngineParts } from './streams.js';

const SCRIPTS = {
  add: script(PRESENCE_ADD),
  remove: script(PRESENCE_REMOVE),
  list: script(PRESENCE_LIST),
  stats: script(PRESENCE_STATS),
} as const;

const COLON = 0x3a;

export async function addPresence(
  { link, keys }: EngineParts,
  key: ChannelKey,
  clientId: string,
  info: ClientInfo,
  ttlMs: number,
): Promise<void> {
  const user = Buffer.from(info.user);
  const value = Buffer.concat([Buffer.from(`${user.length}:`), user, Buffer.from(JSON.stringify(info))]);
  await link.run(SCRIPTS.add, keys.presence(key), [clientId, value, milliseconds(ttlMs)]);
}

export async function removePresence(
  { link, keys }: EngineParts,
  key: ChannelKey,
  clientId: string,
): Promise<void> {
  await link.run(SCRIPTS.remove, keys.presence(key), [clientId]);
}

export async function presence(
  { link, keys }: EngineParts,
  key: ChannelKey,
): Promise<ReadonlyMap<string, ClientInfo>> {
  const flat = (await link.run(SCRIPTS.list, keys.presence(key), [])) as Buffer[];
  const found = new Map<string, ClientInfo>();
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [client, value] = flat.slice(at, at + 2) as [Buffer, Buffer];
    const colon = value.indexOf(COLON);
    const json = value.toString('utf8', colon + 1 + Number(value.toString('latin1', 0, colon)));
    found.set(client.toString('utf8'), JSON.parse(json) as ClientInfo);
  }
  return found;
}

export async function presenceStats({ link, keys }: EngineParts, key: ChannelKey): Promise<PresenceStats> {
  const [numClients, numUsers] = (await link.run(SCRIPTS.stats, keys.presence(key), [])) as [number, number];
  return { numClients, numUsers };
}

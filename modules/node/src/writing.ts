/** Writing into channels as the server, and reading the one entry of a map that a careful write rests on. */
import type { RpcParams } from '@trunkline/contracts';
import type { NodeContract } from '@trunkline/contracts/node';
import type { ApiMapPublished, ApiPublished, OrgApi } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';

/** Pages looked through for one entry: with the hub's pages of up to 1,000, more entries than a map may hold by default. */
const MAP_PAGES = 200;

/** What a schema cannot say is checked here: which fields need another (107 with the field). */
export async function publish(
  params: RpcParams<NodeContract, 'node.publish'>,
  org: OrgApi,
): Promise<ApiPublished & Partial<Pick<ApiMapPublished, 'applied' | 'current'>>> {
  const { channel, key, tags, idempotencyKey, expect } = params;
  if (key === undefined) {
    for (const field of ['removed', 'expect'] as const)
      if (params[field] !== undefined && params[field] !== false)
        throw new CodedError('badRequest', `key must be given where ${field} is`);
  }
  const settings = {
    ...(tags !== undefined && { tags }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
  const guarded = { ...settings, ...(expect !== undefined && { expect }) };
  if (params.removed === true) return org.mapRemove(channel, key ?? '', guarded);
  const data = JSON.stringify(params.data) as string | undefined;
  if (data === undefined) throw new CodedError('badRequest', 'data must be given');
  return key === undefined
    ? org.publish(channel, data, settings)
    : org.mapPublish(channel, key, data, guarded);
}

/** Pages through the map until the entry is found; none where it is not there. */
export async function findEntry(org: OrgApi, channel: string, key: string): ReturnType<OrgApi['mapState']> {
  let cursor: string | undefined;
  for (let pages = 1; ; pages++) {
    const page = await org.mapState(channel, cursor === undefined ? {} : { cursor });
    const entries = page.entries.filter((entry) => entry.key === key);
    if (entries.length > 0 || page.cursor === '') return { entries, cursor: '', position: page.position };
    if (pages === MAP_PAGES)
      throw new CodedError('limitExceeded', 'the map is too large to look for one entry');
    cursor = page.cursor;
  }
}

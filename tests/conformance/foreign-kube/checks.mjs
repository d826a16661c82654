/** What scenarios find out about a list and about what it took: compared with what a new LIST would say, and counted by the API server. */
import { until } from '@trunkline/testkit';

export const PODS = '/api/v1/pods';

export function check(what, isTrue) {
  if (!isTrue) throw new Error(what);
}

export async function equal(world, list, what, sees) {
  const same = async () => JSON.stringify(list.rows()) === JSON.stringify(await world.fresh(sees));
  await until(what, same, 60_000, 50).catch(async (cause) => {
    const [shown, fresh] = [list.rows(), await world.fresh(sees)];
    const missing = fresh.filter((row) => !shown.includes(row));
    const extra = shown.filter((row) => !fresh.includes(row));
    throw new Error(`${cause.message}: ${missing.length} missing, ${extra.length} too many`);
  });
}

/** Watches and lists that the API server was asked for since. */
export async function asked(world) {
  const before = await world.counts();
  return async () => {
    const now = await world.counts();
    return { watches: now.watches - before.watches, lists: now.lists - before.lists };
  };
}

export const openSockets = (tab) => tab.sockets.filter(({ readyState }) => readyState <= 1).length;

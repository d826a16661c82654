/** What scenarios find out about a list and about what it took: compared with what a new LIST would say, and counted by the API server. */
import { until } from '@trunkline/testkit';

export const PODS = '/api/v1/pods';

export function check(what, isTrue) {
  if (!isTrue) throw new Error(what);
}

export async function equal(world, list, what, sees) {
  const same = () => JSON.stringify(list.rows()) === JSON.stringify(world.fresh(sees));
  await until(what, same, 60_000).catch((cause) => {
    const [shown, fresh] = [list.rows(), world.fresh(sees)];
    const missing = fresh.filter((row) => !shown.includes(row));
    const extra = shown.filter((row) => !fresh.includes(row));
    throw new Error(`${cause.message}: ${missing.length} missing, ${extra.length} too many`);
  });
}

/** Watches and lists that the API server was asked for since. */
export function asked(world) {
  const { watchesOpened, lists } = world.sim.stats();
  return () => ({
    watches: world.sim.stats().watchesOpened - watchesOpened,
    lists: world.sim.stats().lists - lists,
  });
}

export const openSockets = (tab) => tab.sockets.filter(({ readyState }) => readyState <= 1).length;

/**
 * The source of `node:events`: what the hubs of all nodes noted of one org, as publications. A hub keeps a ring and tells nobody, so it is asked once per
 * interval while somebody reads; a burst larger than one turn may carry shows as a jump of `seq`, which is what it says of the ring too.
 */
import { every, type Disposable } from '@trunkline/base';
import type { NodeEvent } from '@trunkline/contracts/node';
import { surveyEvents, type LocalSourceRequest, type ModuleContext, type OrgEvent } from '@trunkline/hub';

/** Events that a first reader is given, and the most that one turn publishes. */
const AT_ONCE = 200;

/** Emits the newest kept events, oldest first, then new ones every `intervalMs` until disposed; the other nodes' as they answer. */
export function openFeed(
  context: Pick<ModuleContext, 'clock' | 'forOrg' | 'nodes'>,
  { org, emit }: LocalSourceRequest,
  intervalMs: number,
): Disposable {
  const { clock, nodes } = context;
  const api = context.forOrg(org);
  /** The newest of each life of a node: one that was restarted counts from 1 again. */
  const seen = new Map<string, number>();
  const asking = new Set<string>();
  let open = true;
  const publish = (events: readonly OrgEvent[], node: string, life: string): void => {
    for (const event of [...events].reverse()) {
      seen.set(life, Math.max(seen.get(life) ?? 0, event.seq));
      emit.publish(JSON.stringify({ ...toEvent(event), node }));
    }
  };
  const ask = async (node: string, life: string): Promise<void> => {
    asking.add(life);
    try {
      const { events } = await surveyEvents(api, { after: seen.get(life) ?? 0, limit: AT_ONCE }, node);
      if (open) publish(events, node, life);
    } finally {
      asking.delete(life);
    }
  };
  const turn = (): void => {
    publish(api.events({ after: seen.get(nodes.id) ?? 0, limit: AT_ONCE }), nodes.id, nodes.id);
    const lives = new Set([nodes.id]);
    for (const { node, startedAtMs } of nodes.others()) {
      const life = `${node} ${startedAtMs}`;
      lives.add(life);
      if (!asking.has(life)) ask(node, life).catch(() => undefined);
    }
    for (const life of seen.keys()) if (!lives.has(life)) seen.delete(life);
  };
  turn();
  const timer = every(clock, intervalMs, turn);
  return {
    dispose: () => {
      open = false;
      timer.cancel();
    },
  };
}

/** The hub's event is the contract's: the two unions are compared by the compiler. */
export function toEvent(event: OrgEvent): NodeEvent {
  return structuredClone(event) as NodeEvent satisfies OrgEvent;
}

/**
 * The source of `node:events`: what the hub noted of one org, as publications. The hub keeps a ring and tells nobody, so it is asked once per
 * interval while somebody reads; a burst larger than one turn may carry shows as a jump of `seq`, which is what it says of the ring too.
 */
import { every, type Disposable } from '@trunkline/base';
import type { NodeEvent } from '@trunkline/contracts/node';
import type { LocalSourceRequest, ModuleContext, OrgEvent } from '@trunkline/hub';

/** Events that a first reader is given, and the most that one turn publishes. */
const AT_ONCE = 200;

/** Emits the newest kept events, oldest first, then new ones every `intervalMs` until disposed. */
export function openFeed(
  context: Pick<ModuleContext, 'clock' | 'forOrg'>,
  { org, emit }: LocalSourceRequest,
  intervalMs: number,
): Disposable {
  const api = context.forOrg(org);
  let seen = 0;
  const turn = (): void => {
    const events = api.events({ after: seen, limit: AT_ONCE });
    for (const event of [...events].reverse()) {
      seen = event.seq;
      emit.publish(JSON.stringify(toEvent(event)));
    }
  };
  turn();
  const timer = every(context.clock, intervalMs, turn);
  return { dispose: () => timer.cancel() };
}

/** The hub's event is the contract's: the two unions are compared by the compiler. */
export function toEvent(event: OrgEvent): NodeEvent {
  return structuredClone(event) as NodeEvent satisfies OrgEvent;
}

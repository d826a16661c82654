/**
 * Permissions that were given for a while: each is asked about again when its time is over, for as long as the subscription lives (spec WALL-5). Those that
 * fall due together are asked together; a module that answers out of a cache makes thousands of them cheap.
 */
import { every, type Timer } from '@trunkline/base';
import type { UnsubscribeName } from '@trunkline/protocol';
import type { Client, Subscription } from '../clients/client.js';
import { authorise, isRefusal } from './authorise.js';
import type { RouterDeps } from './deps.js';

/** Time between looks at what is due; a permission is asked about up to this much early. */
const TURN_MS = 250;
/** Between questions that could not be answered. */
const AGAIN_MS = 1_000;
/** How long a permission outlives its time while nobody can say. */
const GRACE_MS = 5_000;

export interface RecheckDeps extends RouterDeps {
  readonly unsubscribe: (client: Client, subId: string, tell: UnsubscribeName) => void;
}

interface Due {
  readonly client: Client;
  readonly subscription: Subscription;
  /** Monotonic time at which the last answer ends. */
  readonly knownUntilMs: number;
}

export class Rechecks {
  readonly #deps: RecheckDeps;
  /** By the turn in which they fall due. */
  readonly #turns = new Map<number, Due[]>();
  #timer: Timer | undefined;
  #turn = 0;

  constructor(deps: RecheckDeps) {
    this.#deps = deps;
  }

  add(client: Client, subscription: Subscription, knownUntilMs: number): void {
    this.#put({ client, subscription, knownUntilMs }, knownUntilMs);
  }

  dispose(): void {
    this.#timer?.cancel();
    this.#turns.clear();
  }

  #put(due: Due, atMs: number): void {
    if (this.#timer === undefined) {
      this.#turn = this.#now();
      this.#timer = every(this.#deps.clock, TURN_MS, () => this.#run());
    }
    const turn = Math.max(this.#turn + 1, Math.floor(atMs / TURN_MS));
    const there = this.#turns.get(turn);
    if (there) there.push(due);
    else this.#turns.set(turn, [due]);
  }

  #now(): number {
    return Math.floor(this.#deps.clock.monotonic() / TURN_MS);
  }

  #run(): void {
    const now = this.#now();
    for (; this.#turn < now; this.#turn++) {
      const due = this.#turns.get(this.#turn + 1);
      this.#turns.delete(this.#turn + 1);
      for (const one of due ?? []) void this.#ask(one);
    }
    if (this.#turns.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #ask(due: Due): Promise<void> {
    const { client, subscription } = due;
    const { subId, channel, granted } = subscription;
    const current = (): boolean => client.open && client.subscriptions.get(subId) === subscription;
    if (!current()) return;
    try {
      const { principal } = client;
      const { knownUntilMs } = await authorise(this.#deps, {
        principal,
        channel,
        action: 'subscribe',
        subscribed: false,
        stays: true,
        granted,
      });
      if (!current()) return;
      // Rights that changed meanwhile have been asked about by what changed them, but not for how long.
      if (client.principal !== principal) this.#put(due, 0);
      else if (knownUntilMs !== undefined) this.#put({ ...due, knownUntilMs }, knownUntilMs);
    } catch (cause) {
      if (!current()) return;
      const now = this.#deps.clock.monotonic();
      if (isRefusal(cause)) this.#deps.unsubscribe(client, subId, 'permissionRevoked');
      else if (now >= due.knownUntilMs + GRACE_MS) this.#deps.unsubscribe(client, subId, 'insufficientState');
      else this.#put(due, now + AGAIN_MS);
    }
  }
}

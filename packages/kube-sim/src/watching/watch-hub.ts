/** All open watches of a server, so that faults and the end of a definition can reach them. */
import type { WatchStream } from './watch-stream.js';

export interface WatchFacts {
  /** `pods`, `deployments.apps`. */
  readonly resource: string;
  readonly namespace: string;
  readonly user: string;
}

/** Absent fields match everything. */
export type WatchMatch = Partial<WatchFacts>;

export class WatchHub {
  readonly #open = new Map<WatchStream, WatchFacts>();

  add(stream: WatchStream, facts: WatchFacts): void {
    this.#open.set(stream, facts);
  }

  remove(stream: WatchStream): void {
    this.#open.delete(stream);
  }

  get size(): number {
    return this.#open.size;
  }

  /** A copy: what is done to them may end them. */
  matching(match: WatchMatch = {}): WatchStream[] {
    return [...this.#open].filter(([, facts]) => fits(facts, match)).map(([stream]) => stream);
  }
}

function fits(facts: WatchFacts, { resource, namespace, user }: WatchMatch): boolean {
  return (
    (resource === undefined || resource === facts.resource) &&
    (namespace === undefined || namespace === facts.namespace) &&
    (user === undefined || user === facts.user)
  );
}

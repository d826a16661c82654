/** The feeds of a node, one for each question to each identity. Those without readers are kept for a while, for the numbers that their readers may come back with. */
import type { KubeQuestion } from '@trunkline/kube-client';
import type { Identity } from '../ports.js';
import { Feed, type FeedDeps, type FeedOptions } from './feed.js';

export class Feeds {
  readonly #deps: FeedDeps;
  readonly #options: FeedOptions;
  readonly #max: number;
  readonly #feeds = new Map<string, Feed>();

  /** `max`: feeds kept; beyond it the one that was asked for longest ago and has no reader goes. */
  constructor(deps: FeedDeps, options: FeedOptions, max: number) {
    this.#deps = deps;
    this.#options = options;
    this.#max = max;
  }

  of(cluster: string, identity: Identity, question: KubeQuestion): Feed {
    const key = JSON.stringify([
      cluster,
      identity.kind === 'credential' ? identity.id : null,
      question.group,
      question.version,
      question.resource,
      question.namespace ?? null,
      question.labelSelector ?? '',
      question.fieldSelector ?? '',
    ]);
    const feed = this.#feeds.get(key) ?? new Feed(this.#deps, this.#options, { cluster, identity, question });
    this.#feeds.delete(key);
    this.#feeds.set(key, feed);
    if (this.#feeds.size > this.#max) this.#forgetOne();
    return feed;
  }

  #forgetOne(): void {
    for (const [key, feed] of this.#feeds) {
      if (feed.readers > 0) continue;
      this.#feeds.delete(key);
      return;
    }
  }
}

/** One way to a cluster: an identity with its connections, the reflectors that it feeds, what it knows of kinds, and whether rights can be asked about over it. */
import { Backoff, type Clock, type Disposable, type Logger, type Random } from '@trunkline/base';
import {
  createKubeCluster,
  ReflectorSet,
  type KubeCluster,
  type KubeClusterOptions,
  type KubeConnection,
  type KubeQuestion,
  type ReflectorLease,
  type ReflectorListener,
} from '@trunkline/kube-client';
import type { KubeTuning } from '../options.js';
import type { DoubtListener } from '../ports.js';
import { Columns } from './columns.js';
import { Doubt } from './doubt.js';
import { HeldReader } from './held.js';
import { Kinds } from './kinds.js';
import { Readiness } from './readiness.js';

export interface WayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Default: over the network. */
  readonly connect?:
    ((connection: KubeConnection, options?: Partial<KubeClusterOptions>) => KubeCluster) | undefined;
}

/** Between questions whether rights can be asked about again. */
const ASK_AGAIN = { minDelayMs: 500, maxDelayMs: 5_000 };

export class Way {
  readonly cluster: KubeCluster;
  readonly kinds: Kinds;
  readonly columns: Columns;
  readonly doubt: Doubt;
  readonly readiness: Readiness;
  readonly reflectors: ReflectorSet;
  readonly #deps: WayDeps;
  readonly #tuning: KubeTuning;
  readonly #readers = new Set<{ lose(cause: unknown): void }>();

  /** Throws `kubeconfigInvalid` for a bad connection; dials nothing. */
  constructor(
    deps: WayDeps,
    tuning: KubeTuning,
    connection: KubeConnection,
    options: Partial<KubeClusterOptions> | undefined,
  ) {
    const { clock, random, logger } = deps;
    this.#deps = deps;
    this.#tuning = tuning;
    this.cluster = deps.connect?.(connection, options) ?? createKubeCluster({ clock }, connection, options);
    this.kinds = new Kinds(clock, this.cluster, tuning);
    this.columns = new Columns(clock, this.cluster, tuning);
    this.doubt = new Doubt(clock, new Backoff(random, ASK_AGAIN), tuning.reviewTimeoutMs);
    this.readiness = new Readiness(clock, this.cluster);
    const { maxObjects, lingerMs, reflectors } = tuning;
    this.reflectors = new ReflectorSet(
      { clock, random, logger, cluster: this.cluster },
      { lingerMs: lingerMs / 2, ...reflectors, reflector: { maxObjects, ...reflectors.reflector } },
    );
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Throws `limitExceeded`; `kubeUnreachable` while rights cannot be asked about, since what the newcomer would see may be forbidden by now. */
  lease(question: KubeQuestion, listener: ReflectorListener): ReflectorLease {
    if (this.doubt.fault !== undefined) throw this.doubt.fault.reason;
    const { clock } = this.#deps;
    const held = new HeldReader(
      { clock, doubt: this.doubt, maxHeldChanges: this.#tuning.maxHeldChanges },
      listener,
    );
    try {
      const lease = this.reflectors.lease(question, held);
      held.attach(lease);
      this.#readers.add(held);
      return {
        view: lease.view,
        dispose: () => {
          this.#readers.delete(held);
          held.dispose();
        },
      };
    } catch (cause) {
      held.dispose();
      throw cause;
    }
  }

  /** Of something else than a reflector; see `Upstreams.doubt`. Counts as a reader. */
  listen(listener: DoubtListener): Disposable {
    const end = this.doubt.listen((fault) => listener.onDoubt(fault));
    const reader = { lose: (cause: unknown) => listener.onLost(cause) };
    this.#readers.add(reader);
    listener.onDoubt(this.doubt.fault);
    return {
      dispose: () => {
        this.#readers.delete(reader);
        end();
      },
    };
  }

  /** Every reader is told that it is lost, and why. */
  async dispose(cause: unknown): Promise<void> {
    this.doubt.dispose();
    const readers = [...this.#readers];
    this.#readers.clear();
    for (const reader of readers) reader.lose(cause);
    await this.reflectors.dispose();
    await this.cluster.dispose();
  }
}

/**
 * One application reader of a stream channel. It decodes and hands over publications, tells of gaps and resets before what follows them, and
 * where the application gave `getState`, loads state so that nothing falls between the state and the first publication after it:
 * subscribed first, then position and state are read, then what was held back meanwhile and is newer is applied (spec CLIENT-5).
 */
import type { DeltaStats } from 'centrifuge';
import { Backoff, type Timer } from '@trunkline/base';
import type { Position } from '@trunkline/protocol';
import { sameContinuity, type Continuity } from './continuity-view.js';
import type { Missing, Reset } from './continuity.js';
import { definedOnly } from './defined.js';
import { localError, toCodedError } from './errors.js';
import { fillFromHistory } from './history-fill.js';
import { PublicationBuffer } from './publication-buffer.js';
import { Cell, type ErrorPlace, type Readable } from './store.js';
import type { ClientInfo, RawPublication, WireReader } from './reader.js';
import type { WireDeps } from './wire.js';
import type { LoadedState, StreamOptions, StreamPublication } from './stream-options.js';
import type { Lease, Wires } from './wires.js';

/** What happens to a publication that arrives now. */
type Gate = 'open' | 'loading' | 'acknowledging';

export class StreamSubscription<T, S = unknown> implements WireReader {
  readonly channel: string;
  readonly #deps: WireDeps;
  readonly #options: StreamOptions<T, S>;
  readonly #continuity: Cell<Continuity>;
  readonly #buffer: PublicationBuffer;
  readonly #backoff: Backoff;
  #lease: Lease | undefined;
  #gate: Gate = 'open';
  #reset: Reset | undefined;
  #loadingSinceMs: number | undefined;
  /** Where `#buffer` begins: everything after it is in there. */
  #base: Position | undefined;
  /** Offsets up to here are part of the loaded state. */
  #contained = 0;
  /** The first subscribe was seen. */
  #started = false;
  /** Voids answers that were asked for before something changed. */
  #generation = 0;
  #retry: Timer | undefined;

  constructor(deps: WireDeps, wires: Wires, channel: string, options: StreamOptions<T, S>) {
    const { clock, random, report, minDelayMs, maxDelayMs, bufferMaxPublications } = deps.options;
    this.channel = channel;
    this.#deps = deps;
    this.#options = options;
    this.#buffer = new PublicationBuffer(bufferMaxPublications);
    this.#backoff = new Backoff(random, { minDelayMs, maxDelayMs });
    this.#continuity = new Cell<Continuity>(
      { kind: 'stale', sinceMs: clock.now(), reason: 'disabled' },
      report,
      sameContinuity,
    );
    if (options.enabled === false) return;
    this.#hold(wires);
  }

  /** Continuity, observable. Told synchronously: a reset is known before the publications that follow it. */
  get state(): Readable<Continuity> {
    return this.#continuity;
  }

  /** The last complete position of the channel; undefined where it numbers nothing. */
  get position(): Position | undefined {
    return this.#lease?.wire.position;
  }

  /** What arrived as differences since the last (re)start of the subscription; undefined where `delta` was not asked for. */
  get deltas(): DeltaStats | undefined {
    return this.#lease?.wire.deltas;
  }

  /** Declares a reported reset dealt with. */
  acknowledge(): void {
    if (this.#gate === 'loading') return;
    if (this.#gate === 'acknowledging') return this.#acknowledged(++this.#generation);
    this.#reset = undefined;
    this.changed();
  }

  /** Stops; the channel is unsubscribed a little after its last reader left. May be called twice. */
  close(): void {
    this.#generation++;
    this.#retry?.cancel();
    this.#buffer.clear();
    const lease = this.#lease;
    this.#lease = undefined;
    lease?.release();
  }

  #hold(wires: Wires): void {
    const { onJoin, onLeave, getState, since, data, token, getToken, filter, recovery, delta } =
      this.#options;
    const setup = definedOnly({
      type: 'stream' as const,
      joinLeave: onJoin !== undefined || onLeave !== undefined,
      since,
      data,
      token,
      getToken,
      filter,
      recovery,
      delta,
    });
    this.#lease = wires.hold(this.channel, setup, this);
    const { wire } = this.#lease;
    if (getState !== undefined && since === undefined) this.#expectState();
    if (!wire.live) return this.changed();
    // Others opened the channel: what lies between our position and theirs is not on its way.
    if (since !== undefined) this.#catchUp(since);
    this.subscribed();
  }

  // ------------------------------------------------------------ from the wire

  subscribed(): void {
    const { onSubscribed } = this.#options;
    if (onSubscribed) this.#run('handler', () => onSubscribed(this.#lease?.wire.announced));
    if (this.#gate === 'loading' && !this.#started) this.#load(0);
    this.#started = true;
    this.changed();
  }

  publication(publication: RawPublication): void {
    if (this.#lease === undefined) return;
    if (this.#gate === 'open') this.#deliver(publication);
    else this.#buffer.push(publication);
  }

  gap(missing: Missing): void {
    const { onGap } = this.#options;
    if (onGap && this.#lease) this.#run('handler', () => onGap(missing));
  }

  reset(reset: Reset): void {
    if (this.#lease === undefined) return;
    this.#contained = 0;
    // What was held back lies before this loss; whoever answers it starts behind.
    const widened = this.#gate === 'acknowledging' || this.#buffer.overflowed;
    this.#reset = widened ? { reason: reset.reason } : reset;
    this.#buffer.clear();
    this.#generation++;
    if (this.#options.getState) this.#expectState();
    this.changed();
    this.#answerReset(this.#reset);
  }

  join(info: ClientInfo): void {
    const { onJoin } = this.#options;
    if (onJoin && this.#lease) this.#run('handler', () => onJoin(info));
  }

  leave(info: ClientInfo): void {
    const { onLeave } = this.#options;
    if (onLeave && this.#lease) this.#run('handler', () => onLeave(info));
  }

  changed(): void {
    if (this.#lease) this.#continuity.set(this.#lease.wire.continuity(this.#reset, this.#loadingSinceMs));
  }

  // ------------------------------------------------------------ handing over

  #deliver(publication: RawPublication): void {
    const { offset } = publication;
    if (offset !== 0 && offset <= this.#contained) return;
    const { decode, onPublication } = this.#options;
    let data: T;
    try {
      data = decode ? decode(publication.data) : (publication.data as T);
    } catch (error) {
      return this.#unusable('decode', error, offset);
    }
    if (!onPublication) return;
    try {
      onPublication(this.#shape(data, publication));
    } catch (error) {
      // State built from publications is now wrong; without one, the handler's failure is its own business.
      if (this.#options.getState) return this.#unusable('handler', error, offset);
      this.#deps.options.report(error, { where: 'handler', channel: this.channel });
    }
  }

  #shape(data: T, { offset, tags, info }: RawPublication): StreamPublication<T> {
    const epoch = this.position?.epoch ?? '';
    return {
      channel: this.channel,
      data,
      ...(offset === 0 ? {} : { position: { epoch, offset } }),
      ...(tags ? { tags } : {}),
      ...(info ? { info } : {}),
    };
  }

  /** A message that came but could not be used is a loss like any other. */
  #unusable(where: ErrorPlace, error: unknown, offset: number): void {
    this.#deps.options.report(error, { where, channel: this.channel });
    const epoch = this.position?.epoch ?? '';
    this.reset(
      offset === 0
        ? { reason: 'undecodable' }
        : { reason: 'undecodable', missing: { epoch, from: offset, to: offset } },
    );
  }

  /** Hands over what was held back and, unless that met a new loss, is live again. */
  #openGate(held: readonly RawPublication[]): void {
    const answered = this.#reset;
    this.#gate = 'open';
    this.#loadingSinceMs = undefined;
    this.#feed(held);
    if (this.#reset === answered) this.#reset = undefined;
    this.changed();
  }

  /** As if they arrived now: a loss met on the way closes the gate, and the rest waits behind it. */
  #feed(held: readonly RawPublication[]): void {
    for (const publication of held) this.publication(publication);
  }

  // ------------------------------------------------------------ answering a reset

  #answerReset(reset: Reset): void {
    const { onReset, getState } = this.#options;
    const generation = this.#generation;
    if (getState) {
      if (onReset) this.#run('handler', () => void onReset(reset));
      // A message that cannot be used would be met again at once: such loads wait.
      return this.#load(
        reset.reason === 'undecodable' || reset.reason === 'buffer' ? this.#backoff.next() : 0,
      );
    }
    if (!onReset) return void (this.#gate = 'open');
    let answer: void | Promise<void>;
    try {
      answer = onReset(reset);
    } catch (error) {
      this.#gate = 'open';
      return this.#deps.options.report(error, { where: 'handler', channel: this.channel });
    }
    if (this.#generation !== generation) return;
    if (!(answer instanceof Promise)) return this.#openGate(this.#buffer.take());
    this.#gate = 'acknowledging';
    answer.then(
      () => this.#acknowledged(generation),
      (error: unknown) => {
        this.#deps.options.report(error, { where: 'handler', channel: this.channel });
        if (this.#generation !== generation) return;
        // Not answered: the state stays `reset`, publications flow again.
        this.#gate = 'open';
        this.#feed(this.#buffer.take());
      },
    );
  }

  #acknowledged(generation: number): void {
    if (this.#generation !== generation) return;
    if (this.#buffer.overflowed) return this.reset({ reason: 'buffer' });
    this.#openGate(this.#buffer.take());
  }

  // ------------------------------------------------------------ loading state

  #expectState(): void {
    this.#gate = 'loading';
    this.#loadingSinceMs ??= this.#deps.options.clock.now();
    this.#base = undefined;
  }

  #load(delayMs: number): void {
    const { getState } = this.#options;
    if (!getState) return;
    const generation = ++this.#generation;
    // From here on nothing is missed: the buffer was empty or begins at an earlier base.
    this.#base ??= this.position;
    this.#retry?.cancel();
    const ask = (): void => {
      if (this.#generation !== generation) return;
      callAsync(getState).then(
        (loaded) => this.#generation === generation && this.#settle(loaded, generation),
        (error: unknown) =>
          this.#generation === generation &&
          this.#loadAgain(toCodedError(error, `getState of ${this.channel}`)),
      );
    };
    if (delayMs === 0) ask();
    else this.#retry = this.#deps.options.clock.setTimeout(ask, delayMs);
  }

  #loadAgain(error: Error): void {
    this.#deps.options.report(error, { where: 'state', channel: this.channel });
    this.#load(this.#backoff.next());
  }

  #settle({ state, position }: LoadedState<S>, generation: number): void {
    const base = this.#base;
    if (base !== undefined && base.epoch !== '' && position.epoch !== base.epoch) {
      return this.#loadAgain(
        localError(
          112,
          `getState of ${this.channel} returned epoch "${position.epoch}", the channel is at "${base.epoch}"`,
        ),
      );
    }
    if (!this.#buffer.completes(position.offset)) {
      this.#buffer.clear();
      this.#base = this.position;
      return this.#load(this.#backoff.next());
    }
    if (base === undefined || position.offset >= base.offset) return this.#apply(state, position, []);
    fillFromHistory(this.#deps.connection, this.channel, position, base.offset).then(
      (missed) => this.#generation === generation && this.#apply(state, position, missed),
      (error: unknown) =>
        this.#generation === generation && this.#loadAgain(toCodedError(error, `history of ${this.channel}`)),
    );
  }

  #apply(state: S, position: Position, missed: readonly RawPublication[]): void {
    this.#backoff.reset();
    this.#contained = position.offset;
    const { onState } = this.#options;
    if (onState) this.#run('handler', () => onState(state, position));
    this.#openGate([...missed, ...this.#buffer.take()]);
  }

  /** A late reader's own past, for which the shared subscription has no use. */
  #catchUp(since: Position): void {
    const { position } = this;
    if (position !== undefined && position.epoch === since.epoch && position.offset === since.offset) return;
    this.#gate = 'acknowledging';
    const generation = this.#generation;
    const lost = (): void => {
      if (this.#generation !== generation) return;
      const held = this.#buffer.take();
      this.reset({ reason: 'unrecoverable' });
      this.#feed(held);
    };
    if (position === undefined || position.epoch !== since.epoch) return queueMicrotask(lost);
    this.#contained = since.offset;
    this.#loadingSinceMs = this.#deps.options.clock.now();
    fillFromHistory(this.#deps.connection, this.channel, since, position.offset).then((missed) => {
      if (this.#generation !== generation) return;
      if (this.#buffer.overflowed) return lost();
      this.#openGate([...missed, ...this.#buffer.take()]);
    }, lost);
  }

  #run(where: ErrorPlace, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#deps.options.report(error, { where, channel: this.channel });
    }
  }
}

/** A function that throws instead of rejecting is treated alike. */
async function callAsync<R>(call: () => Promise<R>): Promise<R> {
  return await call();
}

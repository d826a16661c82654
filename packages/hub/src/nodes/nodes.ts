/**
 * The room where nodes of a deployment meet: announces this one, keeps the table of the others, and carries questions, answers and one-way messages
 * over the broker's control channel. The broker is lossy, so an answer that does not come is an outcome, not a fault. Alone it sends no question and
 * waits for nobody. What a message says is decided by those who registered for its kind.
 */
import { every, type Clock, type Disposable, type Logger, type Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type { OrgApi } from '../ports/api.js';
import type { Answer, Nodes, NodeTraffic } from '../ports/nodes.js';
import type { AskOptions, Kind, LiveNode, NodeFacts, Survey } from '../ports/questions.js';
import { Answering } from './answering.js';
import { Asking } from './asking.js';
import { readAnnouncement, writeAnnouncement } from './facts.js';
import { Members } from './members.js';
import { decodeNodeMessage, encodeNodeMessage, isKind, type NodeMessage } from './message.js';

export interface NodesDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: string;
  readonly facts: () => Omit<NodeFacts, 'node'>;
  readonly forOrg: (org: string) => OrgApi;
  /** Of the broker: to one address, or to all other nodes. */
  readonly send: (text: string, to?: string) => Promise<void>;
  readonly address: string;
}

export interface NodesOptions {
  readonly announceIntervalMs: number;
  readonly expiryMs: number;
  readonly max: number;
  readonly askTimeoutMs: number;
  readonly messageMaxBytes: number;
  readonly pageBytes: number;
}

type Message = NodeMessage extends infer M
  ? M extends NodeMessage
    ? Omit<M, 'from' | 'boot'>
    : never
  : never;

const HELLO = 'node.hello';
const HERE = 'node.here';
const BYE = 'node.bye';
/** A goodbye is worth so much of the time of a stop. */
const BYE_MS = 250;

export class HubNodes implements Nodes {
  readonly id: string;
  readonly #deps: NodesDeps;
  readonly #options: NodesOptions;
  readonly #boot: string;
  readonly #members: Members;
  readonly #asking: Asking;
  readonly #answering: Answering;
  readonly #hearing = new Map<string, (from: string, bytes: string | Uint8Array) => void>();
  readonly #traffic = { sent: 0, received: 0, malformed: 0, stray: 0 };
  #announcing: Timer | undefined;
  #warned = false;
  #disposed = false;

  constructor(deps: NodesDeps, options: NodesOptions) {
    const { clock, logger, nodeId, forOrg } = deps;
    this.id = nodeId;
    this.#deps = deps;
    this.#options = options;
    this.#boot = Math.floor(clock.now()).toString(36);
    this.#members = new Members(clock, { expiryMs: options.expiryMs, max: options.max });
    this.#asking = new Asking(clock, nodeId, this.#boot);
    const reply: ConstructorParameters<typeof Answering>[0]['reply'] = (to, answer) =>
      this.#sendReply(to, answer);
    this.#answering = new Answering({ clock, logger, forOrg, reply }, options.pageBytes);
  }

  /** Announces the node, now and from time to time. */
  start(): void {
    const { announceIntervalMs } = this.#options;
    if (announceIntervalMs === 0) return;
    let turns = 0;
    // First of all: where the broker is in memory, the others answer before the hello returns.
    this.#announcing = every(this.#deps.clock, announceIntervalMs, () => {
      for (const node of this.#members.expire()) this.#forgot(node, 'was not heard of any more');
      // The first hello may have come before the broker was there to carry the answers.
      this.#announce(++turns === 1 ? HELLO : HERE);
    });
    this.#announce(HELLO);
  }

  /** The broker was away: others may have expired here, and this node there. */
  resumed(): void {
    if (this.#announcing) this.#announce(HELLO);
  }

  list(): readonly LiveNode[] {
    return [{ node: this.id, ...this.#deps.facts(), self: true, heardMs: 0 }, ...this.#members.list()];
  }

  others(): readonly LiveNode[] {
    return this.#members.list();
  }

  isLive(node: string): boolean {
    return node === this.id || this.#members.has(node);
  }

  get alone(): boolean {
    return this.#members.size === 0 || this.#members.ids().length === 0;
  }

  ask<Q, A>(kind: Kind<Q, A>, question: Q, options?: AskOptions): Promise<Survey<A>> {
    return this.askIn(undefined, kind, question, options);
  }

  /** `org`: taken from an `OrgApi`, never from a message of a client. */
  async askIn<Q, A>(
    org: string | undefined,
    kind: Kind<Q, A>,
    question: Q,
    { nodes = 'all', deadlineMs, bytes }: AskOptions = {},
  ): Promise<Survey<A>> {
    const general = kind as unknown as Kind<unknown, unknown>;
    if (this.#disposed) throw new CodedError('shuttingDown');
    if (this.#asking.isFull(general))
      throw new CodedError('tooManyRequests', `questions of kind '${kind.name}' at once`);
    const withinMs = Math.min(deadlineMs ?? Infinity, this.#options.askTimeoutMs);
    const asked = new Set(typeof nodes === 'string' ? this.#members.ids() : nodes);
    if (nodes === 'all') asked.add(this.id);
    const here = asked.has(this.id);
    const others = [...asked].filter((node) => node !== this.id);
    const live = others.filter((node) => this.#members.has(node));
    const { id, settled } = this.#asking.open(general, org, asked, withinMs);
    for (const node of others)
      if (!live.includes(node)) this.#asking.fail(id, node, 1004, 'not found: no such node');
    if (live.length > 0) {
      const message: Message = {
        type: 'ask',
        id,
        kind: kind.name,
        ...(org === undefined ? {} : { org }),
        withinMs,
        value: question,
        ...(bytes === undefined ? {} : { bytes }),
      };
      const sent =
        typeof nodes === 'string' && live.length > 1
          ? [this.#send(message)]
          : live.map((node) => this.#send({ ...message, to: node }));
      for (const one of sent)
        one.catch((cause: unknown) => {
          const { code, message: words } =
            cause instanceof CodedError ? cause : new CodedError('sourceUnavailable');
          for (const node of live) this.#asking.fail(id, node, code, words);
        });
    }
    if (here) await this.#askSelf(id, org, general, question, bytes, withinMs);
    return (await settled) as Survey<A>;
  }

  /**
   * Collects what the live others answer to a message of another form, which carries `id` and is answered through `answerTo`. Undefined where there is
   * no other.
   */
  expect<A>(
    org: string,
    kind: Kind<null, A>,
    deadlineMs: number,
  ): { readonly id: string; readonly settled: Promise<Survey<A>> } | undefined {
    const general = kind as unknown as Kind<unknown, unknown>;
    const others = this.#members.ids();
    if (others.length === 0 || this.#asking.isFull(general)) return undefined;
    const { id, settled } = this.#asking.open(general, org, others, deadlineMs);
    return { id, settled: settled as Promise<Survey<A>> };
  }

  /** Answers such a message of node `to`. */
  answerTo(to: string, id: string, org: string, value: unknown): void {
    this.#sendReply(to, { id, org, outcome: { value } });
  }

  async tell(node: string | 'others', kind: string, bytes: string | Uint8Array): Promise<void> {
    if (!isKind(kind)) throw new RangeError(`'${kind}' is not a kind of message`);
    if (node !== 'others' && !this.#members.has(node)) throw new CodedError('notFound', 'no such node');
    await this.#send({ type: 'tell', kind, bytes, ...(node === 'others' ? {} : { to: node }) });
  }

  register(answer: Answer): Disposable {
    return this.#answering.register(answer);
  }

  hear(kind: string, handle: (from: string, bytes: string | Uint8Array) => void): Disposable {
    if (!isKind(kind) || kind === HELLO || kind === HERE || kind === BYE)
      throw new RangeError(`'${kind}' is not a kind of message`);
    if (this.#hearing.has(kind)) throw new RangeError(`messages of kind '${kind}' are heard already`);
    this.#hearing.set(kind, handle);
    return { dispose: () => void this.#hearing.delete(kind) };
  }

  traffic(): NodeTraffic {
    return { ...this.#traffic };
  }

  /** A control message that was meant for others than this room could not be read. */
  dropped(): void {
    this.#traffic.received++;
    this.#drop('a control message that cannot be read');
  }

  /** A control message of another node, whatever it holds. Never throws. */
  receive(text: string): void {
    if (this.#disposed) return;
    const message = this.#isSmall(text) ? decodeNodeMessage(text, this.id) : undefined;
    if (message === 'foreign') return;
    this.#traffic.received++;
    if (message === undefined) {
      this.#drop('a control message that cannot be read');
      return;
    }
    if (message.from === this.id) {
      this.#noteTwin();
      return;
    }
    try {
      this.#take(message);
    } catch (cause) {
      this.#deps.logger.error({ err: cause, from: message.from }, 'a control message could not be handled');
    }
  }

  /** Says goodbye; open questions settle with what they have. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#announcing?.cancel();
    if (this.#announcing && this.#members.ids().length > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#deps.clock.setTimeout(resolve, BYE_MS);
        const done = (): void => {
          timer.cancel();
          resolve();
        };
        this.#send({ type: 'tell', kind: BYE, bytes: '' }).then(done, done);
      });
    }
    this.#disposed = true;
    this.#asking.dispose();
    this.#answering.dispose();
  }

  // ------------------------------------------------------------ inside

  async #askSelf(
    id: string,
    org: string | undefined,
    kind: Kind<unknown, unknown>,
    question: unknown,
    bytes: string | Uint8Array | undefined,
    withinMs: number,
  ): Promise<void> {
    const over = new AbortController();
    let result: unknown;
    try {
      result = this.#answering.own(org, kind, question, { from: this.id, bytes, signal: over.signal });
      if (result instanceof Promise) {
        const timer = this.#deps.clock.setTimeout(() => over.abort(new CodedError('callTimeout')), withinMs);
        try {
          const late = new Promise<never>((_resolve, reject) =>
            over.signal.addEventListener('abort', () => reject(over.signal.reason as Error), { once: true }),
          );
          result = await Promise.race([result as Promise<unknown>, late]);
        } finally {
          timer.cancel();
        }
      }
    } catch (cause) {
      // The others' answers are of no use to a caller that is told of this.
      if (!over.signal.aborted) this.#asking.fail(id, this.id, 100, 'internal server error');
      if (!over.signal.aborted) throw cause;
      return;
    }
    this.#asking.answered(id, result);
  }

  #take(message: NodeMessage): void {
    switch (message.type) {
      case 'ask':
        return this.#answering.onAsk(message);
      case 'reply':
        if (!this.#asking.onReply(message)) this.#traffic.stray++;
        return undefined;
      case 'tell':
        switch (message.kind) {
          case HELLO:
          case HERE:
            return this.#learn(message.from, message.boot, message.kind, message.bytes);
          case BYE:
            if (this.#members.leave(message.from, message.boot)) this.#forgot(message.from, 'stopped');
            return undefined;
          default: {
            const hear = this.#hearing.get(message.kind);
            if (hear) hear(message.from, message.bytes);
            else this.#drop('a control message of a kind that nobody here hears');
            return undefined;
          }
        }
    }
  }

  #learn(node: string, boot: string, kind: string, bytes: string | Uint8Array): void {
    if (!this.#announcing) return;
    const announced = readAnnouncement(node, bytes);
    if (!announced) {
      this.#drop('an announcement that cannot be read');
      return;
    }
    const known = this.#members.has(node);
    const before = this.#members.bootOf(node);
    // What its life before was asked, this one does not know.
    if (before !== undefined && before !== boot) this.#asking.gone(node);
    if (!this.#members.learn(announced.facts, boot, announced.address)) {
      this.#drop('an announcement of one node too many');
      return;
    }
    if (!known) this.#deps.logger.info({ node, version: announced.facts.version }, 'another node is there');
    if (kind === HELLO) this.#announce(HERE, node);
  }

  #forgot(node: string, how: string): void {
    this.#asking.gone(node);
    this.#deps.logger.info({ node }, `another node ${how}`);
  }

  #announce(kind: string, to?: string): void {
    const { facts, address } = this.#deps;
    const bytes = writeAnnouncement({ facts: { node: this.id, ...facts() }, address });
    // The next one follows soon.
    this.#send({ type: 'tell', kind, bytes, ...(to === undefined ? {} : { to }) }).catch(() => undefined);
  }

  #sendReply(
    to: string,
    reply: Pick<Extract<NodeMessage, { type: 'reply' }>, 'id' | 'org' | 'outcome'>,
  ): void {
    this.#send({ type: 'reply', to, ...reply }).catch((cause: unknown) => {
      if (!(cause instanceof CodedError) || cause.code !== 106) return;
      const error = { code: 106, message: 'limit exceeded: bytes of the answer' };
      this.#send({ type: 'reply', to, ...reply, outcome: { error } }).catch(() => undefined);
    });
  }

  /** Begins before it returns; rejects where the message is too large or the broker is away. */
  async #send(message: Message): Promise<void> {
    const text = encodeNodeMessage({ ...message, from: this.id, boot: this.#boot } as NodeMessage);
    if (!this.#isSmall(text)) throw new CodedError('limitExceeded', 'bytes of a message to another node');
    this.#traffic.sent++;
    const address = message.to === undefined ? undefined : this.#members.addressOf(message.to);
    await (address === undefined || address === '' ? this.#deps.send(text) : this.#deps.send(text, address));
  }

  #isSmall(text: string): boolean {
    const { messageMaxBytes } = this.#options;
    return text.length <= messageMaxBytes / 3 || Buffer.byteLength(text) <= messageMaxBytes;
  }

  #drop(what: string): void {
    // The first one is told; the rest is a number.
    if (this.#traffic.malformed++ === 0) this.#deps.logger.warn({}, `${what} was dropped`);
  }

  #noteTwin(): void {
    this.#traffic.malformed++;
    if (this.#warned) return;
    this.#warned = true;
    this.#deps.logger.error(
      { node: this.id },
      'another process announces itself under the id of this node: each needs its own node.id',
    );
  }
}

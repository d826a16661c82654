/**
 * A reader of one stream on a bare connection, as small as a correct one can be: it keeps its position, subscribes again from it when told
 * (unsubscribe codes from 2500, lost connections), and reports everything to a checker. It can stop reading, which no client library
 * would admit to.
 */
import {
  openRawClient,
  StreamChecker,
  until,
  wait,
  type Document,
  type RawClient,
  type Wire,
} from '@trunkline/testkit';

interface SubscribeReply {
  readonly recoverable?: boolean;
  readonly epoch?: string;
  readonly offset?: number;
  readonly was_recovering?: boolean;
  readonly recovered?: boolean;
  readonly publications?: readonly Published[];
}
interface Published {
  readonly data: { readonly seq: number };
  readonly offset?: number;
}

export class RawReader {
  readonly checker: StreamChecker;
  /** Every way in which this reader was told that it fell behind: unsubscribe and close codes. */
  readonly cuts: number[] = [];
  readonly #url: string;
  readonly #channel: string;
  readonly #token: string | undefined;
  readonly #wire: Wire;
  #raw: RawClient | undefined;
  #position: { epoch: string; offset: number } | undefined;
  #disposed = false;
  /** Counts connections; only the newest is listened to. */
  #life = 0;
  #subscribing = false;

  constructor(name: string, url: string, channel: string, token?: string, wire: Wire = 'websocket json') {
    this.checker = new StreamChecker(name);
    this.#url = url;
    this.#channel = channel;
    this.#token = token;
    this.#wire = wire;
  }

  /** Whether the last subscribe was answered and nothing ended it since. */
  get live(): boolean {
    return !this.#subscribing;
  }

  /** Connects and subscribes, from the last position where there is one. */
  async open(): Promise<void> {
    const life = ++this.#life;
    const onDocument = (document: Document): void => {
      if (life === this.#life) this.#onDocument(document);
    };
    const raw = await openRawClient(this.#url, { wire: this.#wire, keep: false, onDocument });
    this.#raw?.dispose();
    this.#raw = raw;
    void raw.closed.then(({ code }) => {
      if (this.#disposed || this.#raw !== raw) return;
      this.cuts.push(code);
      this.#subscribing = true;
      void this.#reopen();
    });
    raw.sendAll([{ id: 1, connect: this.#token === undefined ? {} : { token: this.#token } }]);
    this.#subscribe();
    await until(`${this.checker.name} is subscribed`, () => !this.#subscribing, 20_000);
  }

  stopReading(): void {
    this.#raw?.pause();
  }

  goOnReading(): void {
    this.#raw?.resume();
  }

  dispose(): void {
    this.#disposed = true;
    this.#raw?.dispose();
  }

  /** As every client would: again and again until it works. */
  async #reopen(): Promise<void> {
    while (!this.#disposed) {
      try {
        return await this.open();
      } catch {
        await wait(50);
      }
    }
  }

  #subscribe(): void {
    this.#subscribing = true;
    const recover = this.#position === undefined ? {} : { recover: true, ...this.#position };
    this.#raw?.sendAll([{ id: 2, subscribe: { channel: this.#channel, recoverable: true, ...recover } }]);
  }

  #onDocument(document: Document): void {
    if (document.error !== undefined) throw new Error(`${this.checker.name}: ${JSON.stringify(document)}`);
    if (document.id === 2) this.#onSubscribed((document['subscribe'] ?? {}) as SubscribeReply);
    const push = document.push;
    if (push?.channel !== this.#channel) return;
    if (push.pub !== undefined) this.#onPublication(push.pub as Published);
    const unsubscribe = push['unsubscribe'] as { readonly code: number } | undefined;
    if (unsubscribe !== undefined) {
      this.cuts.push(unsubscribe.code);
      if (unsubscribe.code >= 2500) this.#subscribe();
    }
  }

  #onSubscribed(reply: SubscribeReply): void {
    this.#subscribing = false;
    if (reply.was_recovering === true && reply.recovered !== true) this.checker.told('recovered: false');
    for (const publication of reply.publications ?? []) this.#onPublication(publication);
    this.#position = { epoch: reply.epoch ?? '', offset: reply.offset ?? 0 };
  }

  #onPublication({ data, offset }: Published): void {
    this.checker.message(data.seq, offset);
    if (this.#position !== undefined && offset !== undefined) this.#position.offset = offset;
  }
}

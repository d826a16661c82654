/** A viewer of map channels that speaks the native wire by hand over a connection in memory, and behaves as clients do: pages, changes, and a new beginning where it is told so. */
import { nativeProfile, type Hub } from '@trunkline/hub';
import { MemoryTransport, TEST_REQUEST } from '@trunkline/hub/testing';
import { fromUtf8, type Encoded } from '@trunkline/protocol';
import { createJsonCodec } from '@trunkline/protocol/json';

type Frame = Readonly<Record<string, unknown>>;

/** What a channel says of its source. */
export interface ToldState {
  readonly state: string;
  readonly sinceMs?: number;
  readonly reason?: string;
}

export interface Watched {
  readonly entries: Map<string, unknown>;
  /** All that it said of its source, in order. */
  readonly told: ToldState[];
  /** `live`, or what it said last. */
  state: string;
  subscribed: boolean;
  epoch: string;
  offset: number;
  /** Times that the state was taken. */
  begun: number;
  /** Pushes and replies that ended it for good. */
  readonly ends: number[];
  /** Error of the last subscribe. */
  error: { readonly code: number; readonly message: string } | undefined;
}

/** A channel that is no map. */
export interface Followed {
  /** By offset. */
  readonly publications: Map<number, unknown>;
  /** All that it said of its source, in order. */
  readonly told: ToldState[];
  /** Codes of pushes that ended it. */
  readonly ends: number[];
}

class ViewerTransport extends MemoryTransport {
  onDocument: (frame: Frame) => void = () => undefined;

  override write(documents: readonly Encoded[]): boolean {
    for (const document of documents)
      for (const text of fromUtf8(document.bytes).split('\n'))
        if (text !== '') this.onDocument(JSON.parse(text) as Frame);
    return true;
  }
}

export class MapViewer {
  readonly watched = new Map<string, Watched>();
  /** Every object that any channel ever brought, as JSON: for those who look for what must not be there. */
  onEntry: (channel: string, key: string, data: unknown) => void = () => undefined;
  readonly #followed = new Map<string, Followed>();
  readonly #transport = new ViewerTransport();
  readonly #waiting = new Map<number, (reply: Frame) => void>();
  #id = 0;

  constructor(hub: Hub) {
    this.#transport.onDocument = (frame) => this.#onFrame(frame);
    this.#transport.attach(
      hub.accept(this.#transport, {
        codec: createJsonCodec(),
        profile: nativeProfile(hub.options),
        request: TEST_REQUEST,
      }),
    );
  }

  connect(principal: object): Promise<Frame> {
    const headers = { 'trunkline-extensions': 'source' };
    return this.call({ connect: { token: JSON.stringify(principal), headers } });
  }

  /** The reply, `error` or the command's own field. */
  call(command: Frame): Promise<Frame> {
    return new Promise((resolve) => this.#send(command, resolve));
  }

  /** The reply is handed over before the frame behind it is read. */
  #send(command: Frame, onReply: (reply: Frame) => void): void {
    const id = ++this.#id;
    this.#waiting.set(id, onReply);
    this.#transport.handlers.onFrame(JSON.stringify({ id, ...command }));
  }

  async rpc(method: string, data: unknown): Promise<Frame> {
    const reply = await this.call({ rpc: { method, data } });
    return ((reply['rpc'] as Frame | undefined)?.['data'] as Frame | undefined) ?? reply;
  }

  /** Subscribes until it is told not to. */
  watch(channel: string): Watched {
    const watched: Watched = {
      entries: new Map(),
      told: [],
      state: '',
      subscribed: false,
      epoch: '',
      offset: 0,
      begun: 0,
      ends: [],
      error: undefined,
    };
    this.watched.set(channel, watched);
    this.#begin(channel, watched);
    return watched;
  }

  /** Follows a channel that is no map. Its publications, those of its history first; rejects with the error of the subscribe. */
  async follow(channel: string): Promise<Followed> {
    const followed: Followed = { publications: new Map(), told: [], ends: [] };
    this.#followed.set(channel, followed);
    const reply = await this.call({ subscribe: { channel } });
    if (reply['error'] !== undefined) throw new Error(JSON.stringify(reply['error']));
    const announced = announcedIn(reply['subscribe'] as Frame);
    if (announced !== undefined) followed.told.push(announced);
    const answer = await this.call({ history: { channel, limit: -1 } });
    const history = answer['history'] as { publications?: Frame[] } | undefined;
    for (const one of history?.publications ?? [])
      followed.publications.set(Number(one['offset']), one['data']);
    return followed;
  }

  drop(): void {
    this.#transport.handlers.onClosed(1006, '');
  }

  #begin(channel: string, watched: Watched): void {
    watched.begun++;
    watched.error = undefined;
    this.#readPage(channel, watched, {});
  }

  #readPage(channel: string, watched: Watched, page: Frame): void {
    this.#send({ subscribe: { channel, type: 1, phase: 2, ...page } }, (reply) => {
      const result = reply['subscribe'] as Frame | undefined;
      if (result === undefined) {
        watched.error = reply['error'] as Watched['error'];
        // Something changed between two pages.
        if (watched.error?.code === 112) this.#readPage(channel, watched, {});
        return;
      }
      if (page['cursor'] === undefined) watched.entries.clear();
      for (const entry of (result['state'] ?? []) as Frame[]) this.#apply(channel, watched, entry);
      for (const change of (result['publications'] ?? []) as Frame[]) this.#apply(channel, watched, change);
      watched.epoch = String(result['epoch'] ?? '');
      watched.offset = Number(result['offset'] ?? 0);
      if (Number(result['phase'] ?? 0) !== 0) {
        const next = { cursor: result['cursor'], epoch: watched.epoch, offset: watched.offset };
        return this.#readPage(channel, watched, next);
      }
      watched.subscribed = true;
      const announced = announcedIn(result);
      if (announced !== undefined) this.#tell(watched, announced);
    });
  }

  #onFrame(frame: Frame): void {
    // A ping.
    if (Object.keys(frame).length === 0) return this.#transport.handlers.onFrame('{}');
    const id = Number(frame['id'] ?? 0);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting) return waiting(frame);
    const push = frame['push'] as Frame | undefined;
    const source = (push?.['message'] as { data?: { tl?: { source?: Frame } } } | undefined)?.data?.tl
      ?.source;
    if (source) {
      const told = this.watched.get(String(source['channel']));
      if (told) this.#tell(told, source as unknown as ToldState);
      this.#followed.get(String(source['channel']))?.told.push(source as unknown as ToldState);
      return;
    }
    const channel = String(push?.['channel'] ?? '');
    if (push === undefined) return;
    const publication = push['pub'] as Frame | undefined;
    const followed = this.#followed.get(channel);
    if (publication) followed?.publications.set(Number(publication['offset']), publication['data']);
    if (push['unsubscribe']) followed?.ends.push(Number((push['unsubscribe'] as Frame)['code']));
    const watched = this.watched.get(channel);
    if (watched === undefined) return;
    if (publication) {
      const offset = Number(publication['offset'] ?? 0);
      if (offset !== watched.offset + 1 && watched.subscribed) watched.ends.push(-1);
      watched.offset = offset;
      this.#apply(channel, watched, publication);
    }
    const over = push['unsubscribe'] as Frame | undefined;
    if (over === undefined) return;
    watched.subscribed = false;
    if (Number(over['code']) >= 2_500) this.#begin(channel, watched);
    else watched.ends.push(Number(over['code']));
  }

  #tell(watched: Watched, told: ToldState): void {
    watched.state = told.state;
    watched.told.push(told);
  }

  #apply(channel: string, { entries }: Watched, publication: Frame): void {
    const key = String(publication['key']);
    if (publication['removed'] === true) return void entries.delete(key);
    entries.set(key, publication['data']);
    this.onEntry(channel, key, publication['data']);
  }
}

function announcedIn(result: Frame): ToldState | undefined {
  return (result['data'] as { tl?: { source?: ToldState } } | undefined)?.tl?.source;
}

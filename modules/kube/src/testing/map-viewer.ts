/** A viewer of map channels that speaks the native wire by hand over a connection in memory, and behaves as clients do: pages, changes, and a new beginning where it is told so. */
import { nativeProfile, type Hub } from '@trunkline/hub';
import { MemoryTransport, TEST_REQUEST } from '@trunkline/hub/testing';
import { fromUtf8, type Encoded } from '@trunkline/protocol';
import { createJsonCodec } from '@trunkline/protocol/json';

type Frame = Readonly<Record<string, unknown>>;

export interface Watched {
  readonly entries: Map<string, unknown>;
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
    const id = ++this.#id;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#transport.handlers.onFrame(JSON.stringify({ id, ...command }));
    });
  }

  async rpc(method: string, data: unknown): Promise<Frame> {
    const reply = await this.call({ rpc: { method, data } });
    return ((reply['rpc'] as Frame | undefined)?.['data'] as Frame | undefined) ?? reply;
  }

  /** Subscribes until it is told not to. */
  watch(channel: string): Watched {
    const watched: Watched = {
      entries: new Map(),
      state: '',
      subscribed: false,
      epoch: '',
      offset: 0,
      begun: 0,
      ends: [],
      error: undefined,
    };
    this.watched.set(channel, watched);
    void this.#begin(channel, watched);
    return watched;
  }

  drop(): void {
    this.#transport.handlers.onClosed(1006, '');
  }

  async #begin(channel: string, watched: Watched): Promise<void> {
    watched.begun++;
    watched.error = undefined;
    let page: Frame = {};
    for (;;) {
      const reply = await this.call({ subscribe: { channel, type: 1, phase: 2, ...page } });
      const result = reply['subscribe'] as Frame | undefined;
      if (result === undefined) {
        watched.error = reply['error'] as Watched['error'];
        // Something changed between two pages.
        if (watched.error?.code === 112) {
          page = {};
          continue;
        }
        return;
      }
      if (page['cursor'] === undefined) watched.entries.clear();
      for (const entry of (result['state'] ?? []) as Frame[]) this.#apply(channel, watched, entry);
      for (const change of (result['publications'] ?? []) as Frame[]) this.#apply(channel, watched, change);
      watched.epoch = String(result['epoch'] ?? '');
      watched.offset = Number(result['offset'] ?? 0);
      if (Number(result['phase'] ?? 0) === 0) {
        watched.subscribed = true;
        const announced = (result['data'] as { tl?: { source?: { state?: string } } } | undefined)?.tl
          ?.source;
        watched.state = announced?.state ?? watched.state;
        return;
      }
      page = { cursor: result['cursor'], epoch: watched.epoch, offset: watched.offset };
    }
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
      if (told) told.state = String(source['state']);
      return;
    }
    const channel = String(push?.['channel'] ?? '');
    const watched = this.watched.get(channel);
    if (push === undefined || watched === undefined) return;
    const publication = push['pub'] as Frame | undefined;
    if (publication) {
      const offset = Number(publication['offset'] ?? 0);
      if (offset !== watched.offset + 1 && watched.subscribed) watched.ends.push(-1);
      watched.offset = offset;
      this.#apply(channel, watched, publication);
    }
    const over = push['unsubscribe'] as Frame | undefined;
    if (over === undefined) return;
    watched.subscribed = false;
    if (Number(over['code']) >= 2_500) void this.#begin(channel, watched);
    else watched.ends.push(Number(over['code']));
  }

  #apply(channel: string, { entries }: Watched, publication: Frame): void {
    const key = String(publication['key']);
    if (publication['removed'] === true) return void entries.delete(key);
    entries.set(key, publication['data']);
    this.onEntry(channel, key, publication['data']);
  }
}

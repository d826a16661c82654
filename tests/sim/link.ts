/**
 * One simulated connection: the hub's transport at one end, a client's callbacks at the other, two pipes between them. Each pipe keeps its
 * order and takes its time; both can stall, swallow everything without a word (half-open), or be cut. What the network has not taken
 * beyond its window counts as buffered, as a socket's does. Frames may be truncated on the way.
 */
import type { Timer } from '@trunkline/base';
import type { Transport, TransportHandlers } from '@trunkline/hub';
import { CLOSE_CODES, fromUtf8, type Encoded } from '@trunkline/protocol';
import type { Dice } from './dice.js';
import type { SimTime } from './time.js';

/** What a client's end hears. Nothing comes after `onClose`. */
export interface ClientEnd {
  onOpen(): void;
  onMessage(text: string): void;
  onClose(code: number, reason: string): void;
}

/** Milliseconds one way, chosen for each item between these. */
export interface Weather {
  readonly lowMs: number;
  readonly highMs: number;
  /** Bytes the network takes before the sender is behind. */
  readonly windowBytes: number;
}

const CLOSE_TIMEOUT_MS = 3_000;
const SLOW = CLOSE_CODES.slow.code;

class Pipe<T> {
  readonly #time: SimTime;
  readonly #dice: Dice;
  readonly #weather: Weather;
  readonly #deliver: (item: T) => void;
  #queue: { readonly item: T; readonly at: number }[] = [];
  #lastAt = 0;
  #armed = false;
  stalled = false;
  swallowing = false;

  constructor(time: SimTime, dice: Dice, weather: Weather, deliver: (item: T) => void) {
    this.#time = time;
    this.#dice = dice;
    this.#weather = weather;
    this.#deliver = deliver;
  }

  push(item: T): void {
    if (this.swallowing) return;
    const { lowMs, highMs } = this.#weather;
    this.#lastAt = Math.max(this.#lastAt, this.#time.monotonic() + this.#dice.between(lowMs, highMs));
    this.#queue.push({ item, at: this.#lastAt });
    this.#arm();
  }

  stall(stalled: boolean): void {
    this.stalled = stalled;
    this.#arm();
  }

  clear(): void {
    this.#queue = [];
  }

  #arm(): void {
    const first = this.#queue[0];
    if (this.#armed || this.stalled || first === undefined) return;
    this.#armed = true;
    this.#time.setTimeout(() => this.#run(), Math.max(0, first.at - this.#time.monotonic()));
  }

  #run(): void {
    this.#armed = false;
    const first = this.#queue[0];
    if (this.stalled || first === undefined || first.at > this.#time.monotonic()) return this.#arm();
    this.#queue.shift();
    this.#deliver(first.item);
    this.#arm();
  }
}

type Down =
  { readonly text: string; readonly bytes: number } | { readonly code: number; readonly reason: string };

export class Link implements Transport {
  readonly name = 'simulated';
  readonly node: number;
  readonly #time: SimTime;
  readonly #dice: Dice;
  readonly #weather: Weather;
  readonly #client: ClientEnd;
  readonly #up: Pipe<string | undefined>;
  readonly #down: Pipe<Down>;
  #handlers: TransportHandlers | undefined;
  #inFlight = 0;
  #behind = false;
  #clientOpen = true;
  #serverOpen = true;
  #closeTimer: Timer | undefined;
  #truncate: 'up' | 'down' | undefined;
  /** The client stopped reading at some time, or could not. */
  #everBehind = false;
  /** The hub called a peer slow that reads whatever arrives. */
  onWronged: () => void = () => undefined;
  /** Looks at each write of the hub. */
  inspect: ((documents: readonly string[]) => void) | undefined;

  constructor(time: SimTime, dice: Dice, weather: Weather, node: number, client: ClientEnd) {
    this.node = node;
    this.#time = time;
    this.#dice = dice;
    this.#weather = weather;
    this.#client = client;
    this.#up = new Pipe(time, dice, weather, (text) => this.#arriveUp(text));
    this.#down = new Pipe(time, dice, weather, (item) => this.#arriveDown(item));
  }

  /** The node took the connection. */
  attach(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    if (this.#clientOpen) this.#client.onOpen();
  }

  get open(): boolean {
    return this.#clientOpen;
  }

  get attached(): boolean {
    return this.#serverOpen;
  }

  // ------------------------------------------------------------ the client's side

  send(text: string): void {
    if (this.#clientOpen) this.#up.push(this.#cutShort(text, 'up'));
  }

  /** The client hangs up; it hears nothing more but that. */
  closeByClient(): void {
    if (!this.#clientOpen) return;
    this.#up.push(undefined);
    this.#endClient(1000, '', true);
  }

  // ------------------------------------------------------------ the hub's side

  write(documents: readonly Encoded[]): boolean {
    if (!this.#serverOpen) return true;
    const texts = documents.map(({ bytes }) => fromUtf8(bytes));
    this.inspect?.(texts);
    const text = texts.join('\n');
    if (!this.#down.swallowing) this.#inFlight += text.length;
    this.#down.push({ text: this.#cutShort(text, 'down'), bytes: text.length });
    this.#behind = this.bufferedBytes() > 0;
    return !this.#behind;
  }

  bufferedBytes(): number {
    return Math.max(0, this.#inFlight - this.#weather.windowBytes);
  }

  pause(): void {
    this.#up.stall(true);
  }

  resume(): void {
    this.#up.stall(false);
  }

  close(code: number, reason: string): void {
    if (!this.#serverOpen || this.#closeTimer) return;
    if (code === SLOW && !this.#everBehind) this.onWronged();
    this.#down.push({ code, reason });
    this.#up.stall(false);
    this.#closeTimer = this.#time.setTimeout(() => this.cut(), CLOSE_TIMEOUT_MS);
  }

  destroy(): void {
    this.cut();
  }

  // ------------------------------------------------------------ faults

  /** Both ends learn of it, unless the network swallows even that. */
  cut(): void {
    this.#endServer(1006);
    if (!this.#down.swallowing) this.#endClient(1006, '', true);
    this.#up.clear();
    this.#down.clear();
  }

  /** The node is gone. `silent`: nothing tells the client. */
  crash(silent: boolean): void {
    this.#serverOpen = false;
    this.#closeTimer?.cancel();
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.onClosed(1006, '');
    this.#up.clear();
    this.#down.clear();
    if (silent) this.halfOpen();
    else this.#endClient(1006, '', true);
  }

  /** From now on nothing arrives, and neither end is told. */
  halfOpen(): void {
    this.#everBehind = true;
    this.#up.swallowing = true;
    this.#down.swallowing = true;
    this.#up.clear();
    this.#down.clear();
  }

  /** The client's reading stops or goes on. */
  stallDown(stalled: boolean): void {
    this.#everBehind ||= stalled;
    this.#down.stall(stalled);
  }

  /** Whatever goes wrong with this connection is over. */
  calm(): void {
    this.#truncate = undefined;
    this.stallDown(false);
  }

  /** The next frame in a direction loses its end. */
  truncateNext(direction: 'up' | 'down'): void {
    this.#truncate = direction;
  }

  // ------------------------------------------------------------ inside

  #cutShort(text: string, direction: 'up' | 'down'): string {
    if (this.#truncate !== direction || text.length < 4) return text;
    this.#truncate = undefined;
    const cut = text.slice(0, this.#dice.between(1, text.length - 1));
    // Whole lines would be a frame that somebody meant: no network takes documents out of one.
    const lines = cut.lastIndexOf('\n') + 1;
    return lines === cut.length || text[cut.length] === '\n' ? text.slice(0, lines + 1) : cut;
  }

  #arriveUp(text: string | undefined): void {
    if (!this.#serverOpen) return;
    if (text === undefined) this.#endServer(1000);
    else this.#handlers?.onFrame(text);
  }

  #arriveDown(item: Down): void {
    if ('code' in item) {
      this.#endServer(item.code);
      this.#endClient(item.code, item.reason, false);
      return;
    }
    this.#inFlight -= item.bytes;
    if (this.#clientOpen) this.#client.onMessage(item.text);
    if (!this.#behind || this.bufferedBytes() > 0) return;
    this.#behind = false;
    this.#handlers?.onDrain();
  }

  #endServer(code: number): void {
    if (!this.#serverOpen) return;
    this.#serverOpen = false;
    this.#closeTimer?.cancel();
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.onClosed(code, '');
  }

  #endClient(code: number, reason: string, later: boolean): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    const tell = (): void => this.#client.onClose(code, reason);
    if (later) this.#time.setTimeout(tell, this.#dice.between(this.#weather.lowMs, this.#weather.highMs));
    else tell();
  }
}

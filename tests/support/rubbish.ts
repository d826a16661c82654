/**
 * Frames that no client should send, made from a seed. Each says what the server owes it: an answer under its id, or the end of the
 * connection. Kinds that end connections are rarer, so that most of a connection's frames are really looked at.
 */
import { randomInt, type Random } from '@trunkline/base';

export interface BadFrame {
  readonly kind: string;
  readonly frame: string | Uint8Array;
  /** Ids that must be answered (with an error or a result) unless the connection is closed with a code. */
  readonly answers: readonly number[];
  /** Whether the connection must be closed. */
  readonly fatal: boolean;
}

/** `maxFrameBytes` and `maxDepth` are the server's limits. */
export class RubbishMaker {
  readonly #random: Random;
  readonly #maxFrameBytes: number;
  readonly #maxDepth: number;
  #id = 10;

  constructor(random: Random, limits: { readonly maxFrameBytes: number; readonly maxDepth: number }) {
    this.#random = random;
    this.#maxFrameBytes = limits.maxFrameBytes;
    this.#maxDepth = limits.maxDepth;
  }

  /** One frame: answerable, or with `fatal` one that must end the connection. */
  frame(fatal: boolean): BadFrame {
    return fatal ? this.#fatal() : this.#answerable();
  }

  #pick<T>(items: readonly T[]): T {
    return items[randomInt(this.#random, items.length)] as T;
  }

  #text(length: number): string {
    return Array.from({ length }, () => String.fromCharCode(32 + randomInt(this.#random, 95))).join('');
  }

  #fatal(): BadFrame {
    const valid = JSON.stringify({
      id: 1,
      subscribe: { channel: 'open:neighbour', data: { text: this.#text(20) } },
    });
    const makers: Record<string, () => string | Uint8Array> = {
      'cut short': () => valid.slice(0, 1 + randomInt(this.#random, valid.length - 1)),
      'letters turned': () => `}${valid.slice(1).split('').reverse().join('')}`,
      'plain text': () => `x${this.#text(randomInt(this.#random, 200))}`,
      'deeply nested': () => '['.repeat(this.#maxDepth + 1 + randomInt(this.#random, 20_000)),
      'deeply nested inside data': () => {
        const depth = this.#maxDepth + 1 + randomInt(this.#random, 5_000);
        return `{"id":1,"publish":{"channel":"open:x","data":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}}`;
      },
      oversized: () =>
        `{"id":1,"send":{"data":"${'x'.repeat(this.#maxFrameBytes + randomInt(this.#random, 1_000))}"}}`,
      'control characters': () => '\u0000\u0001\u0002',
      'not text': () =>
        Uint8Array.from({ length: 1 + randomInt(this.#random, 300) }, () => randomInt(this.#random, 256)),
      'a number': () => String(randomInt(this.#random, 1e9)),
      'a string': () => JSON.stringify(this.#text(10)),
      'a list': () => `[${valid}]`,
    };
    const kind = this.#pick(Object.keys(makers));
    return { kind, frame: (makers[kind] as () => string | Uint8Array)(), answers: [], fatal: true };
  }

  #answerable(): BadFrame {
    const wrong = this.#pick([
      null,
      true,
      -1,
      1.5,
      1e300,
      '',
      'text',
      [],
      {},
      [[]],
      { a: 1 },
      '\u0000',
      '💥',
      '__proto__',
    ]);
    const channel = this.#pick([
      '',
      'nowhere:x',
      'closed:x',
      'x'.repeat(300),
      'a\u0000b',
      '\ud800',
      '__proto__',
      'open:*',
      'open:x',
    ]);
    const makers: Record<string, () => object> = {
      'unknown command': () => ({ [this.#text(8)]: wrong }),
      'no command': () => ({}),
      'wrong type of command': () => ({
        [this.#pick(['subscribe', 'publish', 'history', 'rpc', 'presence'])]: wrong,
      }),
      'wrong type of field': () => ({
        subscribe: { channel: wrong, recover: wrong, offset: wrong, epoch: wrong },
      }),
      'subscribe nowhere': () => ({ subscribe: { channel, token: this.#text(30) } }),
      'recover nonsense': () => ({
        subscribe: { channel, recover: true, offset: this.#pick([-5, 1e18, 0.5]), epoch: this.#text(5) },
      }),
      'map nonsense': () => ({
        subscribe: {
          channel,
          type: this.#pick([1, 2, 3, 9, -1]),
          phase: this.#pick([0, 1, 2, 7]),
          cursor: this.#text(50),
          limit: this.#pick([-1, 1e9]),
        },
      }),
      'filter nonsense': () => ({
        subscribe: { channel: 'open:filtered', tf: { op: this.#text(3), nodes: [{ cmp: wrong }, wrong] } },
      }),
      'unknown delta': () => ({ subscribe: { channel: 'open:delta', delta: this.#text(6) } }),
      'publish nothing': () => ({ publish: { channel } }),
      'publish nowhere': () => ({ publish: { channel, data: wrong } }),
      'publish too much': () => ({ publish: { channel: 'open:x', data: 'x'.repeat(30_000) } }),
      'presence nowhere': () => ({ presence: { channel } }),
      'history nonsense': () => ({
        history: { channel: 'open:x', limit: this.#pick([-1, 1e12]), since: wrong, reverse: wrong },
      }),
      'unknown method': () => ({ rpc: { method: this.#text(20), data: wrong } }),
      'method with wrong params': () => ({
        rpc: {
          method: this.#pick(['node.publish', 'node.history', 'node.disconnect', 'tl.answer']),
          data: wrong,
        },
      }),
      'second connect': () => ({ connect: { token: this.#text(10) } }),
      'forged refresh': () => ({ refresh: { token: this.#text(40) } }),
      'forged channel refresh': () => ({ sub_refresh: { channel, token: this.#text(40) } }),
      'unsubscribe from nothing': () => ({ unsubscribe: { channel } }),
      'two commands in one': () => ({
        publish: { channel: 'open:x', data: 1 },
        history: { channel: 'open:x' },
      }),
    };
    const kind = this.#pick(Object.keys(makers));
    const id = ++this.#id;
    return {
      kind,
      frame: JSON.stringify({ id, ...(makers[kind] as () => object)() }),
      answers: [id],
      fatal: false,
    };
  }
}

/**
 * Bytes that no Protobuf client should send, made from a seed: commands with turned bits, cut, wrapped, nested, of the wrong types, and plain
 * noise. What the server owes for one cannot be told from outside: an answer, or the end of the connection with a code; never silence.
 */
import { randomInt, type Random } from '@trunkline/base';
import { protobufCodec } from '@trunkline/testkit';

export interface BadBytes {
  readonly kind: string;
  readonly frame: Uint8Array;
}

export class ProtobufRubbishMaker {
  readonly #random: Random;
  readonly #maxFrameBytes: number;
  #id = 10;

  constructor(random: Random, limits: { readonly maxFrameBytes: number }) {
    this.#random = random;
    this.#maxFrameBytes = limits.maxFrameBytes;
  }

  frame(): BadBytes {
    const entries = Object.entries(this.#makers);
    const [kind, make] = entries[randomInt(this.#random, entries.length)] as [string, () => Uint8Array];
    return { kind, frame: make() };
  }

  readonly #makers: Readonly<Record<string, () => Uint8Array>> = {
    'bits turned': () => this.#mutate(this.#command()),
    'bits turned inside': () => {
      const command = this.#command();
      return delimited(this.#mutate(command.subarray(command.length > 128 ? 2 : 1)));
    },
    'cut short': () => {
      const command = this.#command();
      return command.subarray(0, 1 + randomInt(this.#random, command.length - 1));
    },
    noise: () => this.#noise(1 + randomInt(this.#random, 300)),
    'noise of its length': () => delimited(this.#noise(1 + randomInt(this.#random, 100))),
    'endless number': () => Uint8Array.from({ length: 1 + randomInt(this.#random, 50) }, () => 0xff),
    'length beyond the end': () => Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x07, 1, 2, 3),
    'field beyond the end': () => delimited(Uint8Array.of(0x08, 5, 0x2a, 0x7f, 0x0a)),
    'unknown fields': () => delimited(Uint8Array.of(0x08, this.#next(), 0x5a, 0x00, 0xf8, 0x07, 1)),
    'groups of old': () => delimited(Uint8Array.of(0x08, 5, 0x2b, 0x0b, 0x0c, 0x2c)),
    'wrong types': () => delimited(Uint8Array.of(0x0a, 1, 0x31, 0x28, 5)),
    'field number zero': () => delimited(Uint8Array.of(0x00, 1)),
    'two commands in one': () => delimited(Uint8Array.of(0x08, this.#next(), 0x2a, 0, 0x3a, 0)),
    'a filter without a bottom': () => {
      let node: Uint8Array = new Uint8Array();
      const depth = 10 + randomInt(this.#random, 2_000);
      for (let level = 0; level < depth; level++) node = field(6, node);
      return delimited(Buffer.concat([Uint8Array.of(0x08, this.#next()), field(5, field(13, node))]));
    },
    'text that is none': () =>
      delimited(
        Buffer.concat([Uint8Array.of(0x08, this.#next()), field(5, field(1, Uint8Array.of(0xff, 0xfe)))]),
      ),
    'many pongs': () => new Uint8Array(1 + randomInt(this.#random, 500)),
    oversized: () =>
      randomInt(this.#random, 10) === 0
        ? delimited(new Uint8Array(this.#maxFrameBytes + 1))
        : this.#mutate(this.#command()),
    JSON: () => Buffer.from('{"id":5,"subscribe":{"channel":"open:x"}}'),
  };

  #next(): number {
    return 10 + (this.#id++ % 100);
  }

  #noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => randomInt(this.#random, 256));
  }

  #mutate(bytes: Uint8Array): Uint8Array {
    const turned = Uint8Array.from(bytes);
    for (let count = 1 + randomInt(this.#random, 4); count > 0; count--) {
      const at = randomInt(this.#random, turned.length);
      turned[at] = (turned[at] as number) ^ (1 << randomInt(this.#random, 8));
    }
    return turned;
  }

  #command(): Uint8Array {
    const channel = 'open:x';
    const commands = [
      { subscribe: { channel, recover: true, epoch: 'e', offset: 3, token: 't' } },
      { subscribe: { channel, tf: { op: 'and', nodes: [{ key: 'k', cmp: 'eq', val: 'v' }] } } },
      { subscribe: { channel: 'closed:x', type: 1, phase: 2, cursor: 'c', limit: 5 } },
      { publish: { channel, data: { text: 'hello' } } },
      { history: { channel, limit: 10, since: { offset: 1, epoch: 'e' }, reverse: true } },
      { presence: { channel } },
      { rpc: { method: 'node.info', data: {} } },
      { refresh: { token: 'x' } },
      { unsubscribe: { channel } },
    ];
    const command = commands[randomInt(this.#random, commands.length)] as object;
    return protobufCodec.encode([{ id: this.#next(), ...command }]) as Uint8Array;
  }
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

function delimited(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from(varint(bytes.length)), bytes]);
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([number * 8 + 2, ...varint(bytes.length), ...bytes]);
}

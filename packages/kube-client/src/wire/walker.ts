/**
 * Walks over one JSON document in bytes without building it. The grammar (RFC 8259) is checked in full, so that what was walked over can be put into another
 * document as it is. Depth is bounded, because the walk is recursive. Whether the bytes are UTF-8 is not looked at here.
 */

/** Deepest nesting: API servers refuse more than 100 levels in what they are sent; custom resources add a few around. */
const DEPTH_MAX = 512;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_E = 0x65;

/** 1 for bytes that stand for themselves inside a string. */
const PLAIN = new Uint8Array(256).map((_, byte) =>
  byte < 0x20 || byte === QUOTE || byte === BACKSLASH ? 0 : 1,
);
const WORDS = ['true', 'false', 'null'].map((word) => new TextEncoder().encode(word));

export class JsonWalker {
  readonly bytes: Uint8Array;
  /** Where the walk stands. */
  pos = 0;
  /** Whether the string walked over last contains a backslash. */
  escaped = false;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  fail(what = 'a value'): never {
    throw new SyntaxError(`no JSON: ${what} expected at byte ${this.pos}`);
  }

  space(): void {
    for (;;) {
      const byte = this.bytes[this.pos];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.pos++;
    }
  }

  /** Walks to the end of the document: nothing but space may be left. */
  finish(): void {
    this.space();
    if (this.pos !== this.bytes.length) this.fail('the end');
  }

  /** True where an object begins here. */
  atObject(): boolean {
    return this.bytes[this.pos] === OPEN_BRACE;
  }

  atArray(): boolean {
    return this.bytes[this.pos] === OPEN_BRACKET;
  }

  atString(): boolean {
    return this.bytes[this.pos] === QUOTE;
  }

  /** Over the value that begins here, whatever it is. */
  value(): void {
    switch (this.bytes[this.pos]) {
      case QUOTE:
        return this.string();
      case OPEN_BRACE:
        return this.object();
      case OPEN_BRACKET:
        return this.array();
      default:
        return this.#scalar();
    }
  }

  /** Over a string; afterwards `escaped` says whether its bytes are its text. */
  string(): void {
    if (this.bytes[this.pos] !== QUOTE) this.fail('a string');
    const { bytes } = this;
    let pos = this.pos + 1;
    this.escaped = false;
    for (;;) {
      // Beyond the end the index finds nothing, and nothing is not plain.
      while (PLAIN[bytes[pos] as number] === 1) pos++;
      const byte = bytes[pos];
      if (byte === QUOTE) break;
      this.pos = pos;
      if (byte !== BACKSLASH) this.fail('the end of a string');
      this.escaped = true;
      pos = this.#escape(pos + 1);
    }
    this.pos = pos + 1;
  }

  object(): void {
    this.enter();
    for (let more = this.#open(CLOSE_BRACE); more; more = this.#next(CLOSE_BRACE)) {
      this.string();
      this.colon();
      this.value();
    }
    this.leave();
  }

  array(): void {
    this.enter();
    for (let more = this.#open(CLOSE_BRACKET); more; more = this.#next(CLOSE_BRACKET)) this.value();
    this.leave();
  }

  /** Over the brace of an object; true where it has a member, which then begins here. Pair with `nextMember`, inside `enter` and `leave`. */
  openObject(): boolean {
    if (!this.atObject()) this.fail('an object');
    return this.#open(CLOSE_BRACE);
  }

  nextMember(): boolean {
    return this.#next(CLOSE_BRACE);
  }

  openArray(): boolean {
    if (!this.atArray()) this.fail('an array');
    return this.#open(CLOSE_BRACKET);
  }

  nextItem(): boolean {
    return this.#next(CLOSE_BRACKET);
  }

  colon(): void {
    this.space();
    if (this.bytes[this.pos] !== COLON) this.fail('a colon');
    this.pos++;
    this.space();
  }

  enter(): void {
    if (++this.#depth > DEPTH_MAX) this.fail(`at most ${DEPTH_MAX} levels`);
  }

  leave(): void {
    this.#depth--;
  }

  #open(close: number): boolean {
    this.pos++;
    this.space();
    if (this.bytes[this.pos] !== close) return true;
    this.pos++;
    return false;
  }

  #next(close: number): boolean {
    this.space();
    const byte = this.bytes[this.pos++];
    if (byte === COMMA) {
      this.space();
      return true;
    }
    if (byte === close) return false;
    this.pos--;
    return this.fail('a comma');
  }

  #escape(pos: number): number {
    switch (this.bytes[pos]) {
      case 0x75: // u
        for (let digit = pos + 1; digit <= pos + 4; digit++)
          if (!isHex(this.bytes[digit] ?? 0)) this.fail('four hexadecimal digits');
        return pos + 5;
      case QUOTE:
      case BACKSLASH:
      case 0x2f:
      case 0x62:
      case 0x66:
      case 0x6e:
      case 0x72:
      case 0x74:
        return pos + 1;
      default:
        return this.fail('an escape');
    }
  }

  #scalar(): void {
    for (const word of WORDS) {
      if (this.bytes[this.pos] !== word[0]) continue;
      for (let index = 1; index < word.length; index++)
        if (this.bytes[this.pos + index] !== word[index]) this.fail();
      this.pos += word.length;
      return;
    }
    this.#number();
  }

  #number(): void {
    const start = this.pos;
    if (this.bytes[this.pos] === MINUS) this.pos++;
    if (this.bytes[this.pos] === ZERO) this.pos++;
    else this.#digits(start);
    if (this.bytes[this.pos] === DOT) {
      this.pos++;
      this.#digits(start);
    }
    if (((this.bytes[this.pos] ?? 0) | 0x20) !== LOWER_E) return;
    this.pos++;
    const sign = this.bytes[this.pos];
    if (sign === MINUS || sign === PLUS) this.pos++;
    this.#digits(start);
  }

  /** One digit or more. @param start of the number, for the error */
  #digits(start: number): void {
    const first = this.pos;
    for (;;) {
      const byte = this.bytes[this.pos] ?? 0;
      if (byte < ZERO || byte > NINE) break;
      this.pos++;
    }
    if (this.pos > first) return;
    this.pos = start;
    this.fail();
  }
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

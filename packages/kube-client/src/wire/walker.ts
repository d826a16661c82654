/**
 * Walks over one JSON document in bytes without building it. The grammar (RFC 8259) is checked in full, so that what was walked over can be put into another
 * document as it is. Depth is bounded. Whether the bytes are UTF-8 is not looked at here.
 *
 * Most of a list are values that nobody looks into, and most of their bytes stand in short strings. `value` is one loop over all that lies inside, with its place in a local variable, and strings
 * are looked through four bytes at a time: together that is less than half the time of a walk by calls and bytes (`bench/micro/kube-scan.mjs`).
 */

/** Deepest nesting: API servers refuse more than 100 levels in what they are sent; custom resources add a few around. */
const DEPTH_MAX = 512;
/** Levels that one call of `value` keeps in mind, a bit each; it calls itself for what lies deeper. */
const LEVELS = 31;

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

const WORDS = ['true', 'false', 'null'].map((word) => new TextEncoder().encode(word));

export class JsonWalker {
  /**
   * Never used, but kept: V8 throws the compiled code of a class away with the last of its instances, at the next collection of garbage. Walkers live as long as a page of a list, and without this one
   * most of a list is read by the interpreter.
   */
  static readonly kept = new JsonWalker(new Uint8Array(0));
  readonly bytes: Uint8Array;
  /** Where the walk stands. */
  pos = 0;
  /** Whether a string walked over since this was set to false contains a backslash. */
  escaped = false;
  #depth = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  fail(what = 'a value'): never {
    throw new SyntaxError(`no JSON: ${what} expected at byte ${this.pos}`);
  }

  space(): void {
    this.pos = this.#spaceEnd(this.pos);
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
    const { bytes } = this;
    const top = this.#depth;
    const view = this.#view;
    const wordsEnd = bytes.length - 3;
    let pos = this.pos;
    let depth = 0;
    // The containers that are open, the innermost last: 1 for an object.
    let kinds = 0;
    let atName = false;
    for (;;) {
      const byte = bytes[pos] as number;
      if (byte === QUOTE) {
        // As in `#stringEnd`: most strings end here, without a call.
        pos++;
        while (pos < wordsEnd) {
          const found = specialIn(view.getInt32(pos, true));
          if (found === 0) pos += 4;
          else {
            pos += firstOf(found);
            break;
          }
        }
        pos = bytes[pos] === QUOTE ? pos + 1 : this.#stringEnd(pos);
        if (atName) {
          pos = bytes[pos] === COLON && (bytes[pos + 1] as number) > 0x20 ? pos + 1 : this.#valueStart(pos);
          atName = false;
          continue;
        }
      } else if (atName) {
        this.#failAt(pos, 'a string');
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (depth === LEVELS) pos = this.#deeper(pos, top + depth);
        else {
          if (top + depth === DEPTH_MAX) this.#failAt(pos, `at most ${DEPTH_MAX} levels`);
          pos = this.#spaceEnd(pos + 1);
          // A closing one stands two places behind the opening one in ASCII.
          if (bytes[pos] === byte + 2) pos++;
          else {
            depth++;
            atName = byte === OPEN_BRACE;
            kinds = (kinds << 1) | (atName ? 1 : 0);
            continue;
          }
        }
      } else pos = this.#scalarEnd(pos);
      // Behind a value: ends of containers, until another value follows.
      for (;;) {
        if (depth === 0) {
          this.pos = pos;
          return;
        }
        if ((bytes[pos] as number) <= 0x20) pos = this.#spaceEnd(pos);
        const next = bytes[pos];
        const inObject = (kinds & 1) === 1;
        if (next === COMMA) {
          if ((bytes[++pos] as number) <= 0x20) pos = this.#spaceEnd(pos);
          atName = inObject;
          break;
        }
        if (next !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) this.#failAt(pos, 'a comma');
        pos++;
        depth--;
        kinds >>>= 1;
      }
    }
  }

  /** Over a string; afterwards `escaped` says whether its bytes are its text. */
  string(): void {
    if (this.bytes[this.pos] !== QUOTE) this.fail('a string');
    this.escaped = false;
    this.pos = this.#stringEnd(this.pos + 1);
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
    this.pos = this.#valueStart(this.pos);
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

  #failAt(pos: number, what?: string): never {
    this.pos = pos;
    return this.fail(what);
  }

  // ------------------------------------------------------------ ends of tokens; each takes and gives a place and leaves `pos` alone

  #spaceEnd(from: number): number {
    const { bytes } = this;
    let pos = from;
    // API servers write none: one comparison is all then.
    while ((bytes[pos] as number) <= 0x20) {
      const byte = bytes[pos];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      pos++;
    }
    return pos;
  }

  /** @param from behind the name of a member @returns where its value begins */
  #valueStart(from: number): number {
    const pos = this.#spaceEnd(from);
    if (this.bytes[pos] !== COLON) this.#failAt(pos, 'a colon');
    return this.#spaceEnd(pos + 1);
  }

  /** @param depth levels around what begins at `pos` */
  #deeper(pos: number, depth: number): number {
    const before = this.#depth;
    this.#depth = depth;
    this.pos = pos;
    this.value();
    this.#depth = before;
    return this.pos;
  }

  /** @param from behind the opening quote @returns behind the closing one */
  #stringEnd(from: number): number {
    const { bytes } = this;
    const view = this.#view;
    const wordsEnd = bytes.length - 3;
    let pos = from;
    for (;;) {
      let found = 0;
      while (pos < wordsEnd) {
        found = specialIn(view.getInt32(pos, true));
        if (found !== 0) {
          pos += firstOf(found);
          break;
        }
        pos += 4;
      }
      if (found === 0) while (pos < bytes.length && isPlain(bytes[pos] as number)) pos++;
      const byte = bytes[pos];
      if (byte === QUOTE) return pos + 1;
      if (byte !== BACKSLASH) this.#failAt(pos, 'the end of a string');
      this.escaped = true;
      pos = this.#escapeEnd(pos + 1);
    }
  }

  #escapeEnd(pos: number): number {
    switch (this.bytes[pos]) {
      case 0x75: // u
        for (let digit = pos + 1; digit <= pos + 4; digit++)
          if (!isHex(this.bytes[digit] ?? 0)) this.#failAt(pos, 'four hexadecimal digits');
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
        return this.#failAt(pos, 'an escape');
    }
  }

  #scalarEnd(pos: number): number {
    for (const word of WORDS) {
      if (this.bytes[pos] !== word[0]) continue;
      for (let index = 1; index < word.length; index++)
        if (this.bytes[pos + index] !== word[index]) this.#failAt(pos);
      return pos + word.length;
    }
    return this.#numberEnd(pos);
  }

  #numberEnd(from: number): number {
    const { bytes } = this;
    let pos = bytes[from] === MINUS ? from + 1 : from;
    if (bytes[pos] === ZERO) pos++;
    else pos = this.#digitsEnd(pos, from);
    if (bytes[pos] === DOT) pos = this.#digitsEnd(pos + 1, from);
    if (((bytes[pos] ?? 0) | 0x20) !== LOWER_E) return pos;
    const sign = bytes[++pos];
    return this.#digitsEnd(sign === MINUS || sign === PLUS ? pos + 1 : pos, from);
  }

  /** One digit or more. @param start of the number, for the error */
  #digitsEnd(from: number, start: number): number {
    const { bytes } = this;
    let pos = from;
    while (isDigit(bytes[pos] ?? 0)) pos++;
    return pos > from ? pos : this.#failAt(start);
  }
}

/**
 * Marks, by their highest bits, the bytes of a word that do not stand for themselves in a string: quote, backslash, control characters. Those above the first one may be marked for nothing. Numbers are
 * written out: the compiler reads a constant of the module from memory each time.
 */
function specialIn(word: number): number {
  const quotes = (word ^ 0x22222222) - 0x01010101;
  const backslashes = (word ^ 0x5c5c5c5c) - 0x01010101;
  const controls = word - 0x20202020;
  return (quotes | backslashes | controls) & ~word & -0x7f7f7f80;
}

/** Which byte of the word is the first that was marked. */
function firstOf(marks: number): number {
  return (31 - Math.clz32(marks & -marks)) >> 3;
}

function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

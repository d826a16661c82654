/**
 * The cheapest WebSocket reader Node allows: a TCP socket that reads into one shared buffer, a frame walker, and a check of every
 * message number. It builds no message objects and parses no JSON, so that the fleet costs little beside the server it measures.
 * Each reader must see each number of each lane once and in order (number n belongs to lane n mod `lanes`); anything else is counted
 * as a gap or a duplicate. What a wire says around the messages is its `wire`'s business (wires.mjs).
 */
import { connect } from 'node:net';
import { MARKER, nowUs, SEQUENCE_DIGITS, TIME_DIGITS } from '../lib/payload.mjs';

const READ_BYTES = 256 * 1024;
/** One buffer for all sockets: a read is finished before the next one starts. */
const shared = Buffer.allocUnsafe(READ_BYTES);

/** What all readers of a fleet count together. */
export class Tally {
  received = 0;
  gaps = 0;
  duplicates = 0;
  closed = 0;
  bytes = 0;
  firstProblem = '';
  /** Called after each read that held messages. */
  onProgress = undefined;
  /** Microseconds from publish to read; undefined while nobody asks. */
  latencies = undefined;

  problem(text) {
    if (this.firstProblem === '') this.firstProblem = text;
  }
}

export class Reader {
  /** `fresh` → `upgrading` → `joining` → `live` → `gone`. */
  state = 'fresh';
  /** The number expected next on each lane; -1: any (the first one decides). */
  next;
  /** What the wire keeps about this reader between connections (position, session). */
  memo = undefined;
  index;
  #tally;
  #wire;
  #socket;
  #carry;
  #onReady;

  constructor(index, wire, tally, lanes) {
    this.index = index;
    this.#wire = wire;
    this.#tally = tally;
    this.next = new Array(lanes).fill(-1);
  }

  /** Resolves when the wire says that messages flow; rejects when the connection ends before. */
  open(port) {
    return new Promise((resolve, reject) => {
      this.state = 'upgrading';
      this.#carry = undefined;
      this.#onReady = { resolve, reject };
      this.#socket = connect({
        host: '127.0.0.1',
        port,
        noDelay: true,
        onread: { buffer: shared, callback: (length, buffer) => this.#onRead(buffer.subarray(0, length)) },
      });
      this.#socket.on('connect', () => this.#socket.write(upgradeRequest(this.#wire.path, port)));
      this.#socket.on('error', (error) => this.#end(error));
      this.#socket.on('close', () => this.#end(new Error('closed by the server')));
    });
  }

  /** Called by the wire. */
  ready() {
    if (this.state !== 'joining') return;
    this.state = 'live';
    this.#onReady.resolve();
  }

  /** Sends one text frame. The mask is zero: the server unmasks all the same, the fleet need not. */
  send(text) {
    this.#socket.write(textFrame(text));
  }

  /** Cuts the connection as a network would. */
  drop() {
    this.state = 'gone';
    this.#socket.destroy();
  }

  #end(error) {
    if (this.state === 'gone') return;
    if (this.state === 'live') {
      this.#tally.closed++;
      this.#tally.problem(`reader ${this.index}: ${error.message}`);
    }
    this.state = 'gone';
    this.#onReady.reject(error);
    this.#socket.destroy();
  }

  #onRead(chunk) {
    this.#tally.bytes += chunk.length;
    const bytes = this.#carry ? Buffer.concat([this.#carry, chunk]) : chunk;
    this.#carry = undefined;
    let at = 0;
    if (this.state === 'upgrading') {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return this.#keep(bytes, 0);
      if (bytes.latin1Slice(9, 12) !== '101')
        return this.#end(new Error(`upgrade refused: ${bytes.latin1Slice(0, 80)}`));
      at = end + 4;
      this.state = 'joining';
      this.#wire.onOpen(this);
    }
    const before = this.#tally.received;
    this.#walk(bytes, at);
    if (this.#tally.received !== before) this.#tally.onProgress?.();
    return true;
  }

  #keep(bytes, from) {
    if (from < bytes.length) this.#carry = Buffer.from(bytes.subarray(from));
    return true;
  }

  /** Walks whole frames (server frames are unmasked) and keeps the rest. */
  #walk(bytes, start) {
    const now = this.#tally.latencies ? nowUs() : 0;
    let at = start;
    while (at + 2 <= bytes.length) {
      const opcode = bytes[at] & 0x0f;
      let length = bytes[at + 1] & 0x7f;
      let body = at + 2;
      if (length === 126) {
        if (at + 4 > bytes.length) break;
        length = (bytes[at + 2] << 8) | bytes[at + 3];
        body = at + 4;
      } else if (length === 127) {
        if (at + 10 > bytes.length) break;
        length = bytes.readUInt32BE(at + 6);
        body = at + 10;
      }
      const end = body + length;
      if (end > bytes.length) break;
      if ((bytes[at] & 0x80) === 0) return this.#end(new Error('fragmented frame: this reader knows none'));
      if (opcode === 1 || opcode === 2) this.#onMessage(bytes, body, end, now);
      else if (opcode === 9) this.#socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
      else if (opcode === 8)
        return this.#end(
          new Error(`closed with ${bytes.utf8Slice(body + 2, end)} (${bytes.readUInt16BE(body)})`),
        );
      at = end;
    }
    this.#keep(bytes, at);
  }

  #onMessage(bytes, body, end, now) {
    let found = 0;
    for (
      let mark = bytes.indexOf(MARKER, body);
      mark >= 0 && mark < end;
      mark = bytes.indexOf(MARKER, mark)
    ) {
      mark++;
      const sequence = digits(bytes, mark, SEQUENCE_DIGITS);
      if (now !== 0) this.#tally.latencies.push(now - digits(bytes, mark + SEQUENCE_DIGITS + 1, TIME_DIGITS));
      this.#onSequence(sequence);
      mark += SEQUENCE_DIGITS + 1 + TIME_DIGITS;
      found++;
    }
    this.#wire.onMessage(this, bytes, body, end, found);
  }

  #onSequence(sequence) {
    const lanes = this.next.length;
    const lane = sequence % lanes;
    const expected = this.next[lane];
    if (sequence < expected) {
      this.#tally.duplicates++;
      this.#tally.problem(`reader ${this.index}: ${sequence} came again or late, ${expected} was next`);
      return;
    }
    if (expected >= 0 && sequence > expected) {
      this.#tally.gaps += (sequence - expected) / lanes;
      this.#tally.problem(`reader ${this.index}: ${expected} to ${sequence - lanes} did not come`);
    }
    this.next[lane] = sequence + lanes;
    this.#tally.received++;
  }
}

function digits(bytes, from, count) {
  let value = 0;
  for (let at = from; at < from + count; at++) value = value * 10 + (bytes[at] - 48);
  return value;
}

/** With the headers a browser sends: servers that keep the request keep these too. */
function upgradeRequest(path, port) {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Pragma: no-cache',
    'Cache-Control: no-cache',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'Upgrade: websocket',
    `Origin: http://127.0.0.1:${port}`,
    'Sec-WebSocket-Version: 13',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
    'Cookie: session=4f1d6a0c9b7e4d2f8a3b5c6d7e8f9a0b; theme=dark',
    'Sec-WebSocket-Key: dHJ1bmtsaW5lIGJlbmNoIQ==',
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
    '\r\n',
  ].join('\r\n');
}

function textFrame(text) {
  const body = Buffer.from(text);
  const long = body.length > 65_535;
  const head = Buffer.alloc(long ? 14 : body.length > 125 ? 8 : 6);
  head[0] = 0x81;
  if (long) {
    head[1] = 0x80 | 127;
    head.writeUInt32BE(body.length, 6);
  } else if (body.length > 125) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(body.length, 2);
  } else head[1] = 0x80 | body.length;
  return Buffer.concat([head, body]);
}

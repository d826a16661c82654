/**
 * What each peer's wire needs from a reader besides reading: a path, the words said after the upgrade, the answer to heartbeats, and
 * (in the recovery row only, `track`) what to remember for the next connection. `found` is how many benchmark messages the frame held.
 */

/** The C floor: nothing is said, everything is received. */
function floorWire() {
  return { path: '/', onOpen: (reader) => reader.ready(), onMessage: () => undefined };
}

/** The bare `ws` server: the first message lists channels, `+` confirms. */
function loopWire({ channels }) {
  return {
    path: '/',
    onOpen: (reader) => reader.send(JSON.stringify(channels(reader.index))),
    onMessage: (reader, _bytes, _body, _end, found) => {
      if (found === 0) reader.ready();
    },
  };
}

/** Socket.IO 4 over Engine.IO 4: `0` open, `40` connect, `42` event, `43` ack, `2` ping. */
function socketioWire({ channels, track }) {
  const onControl = (reader, text) => {
    if (text === '2') reader.send('3');
    else if (text.startsWith('0')) {
      const { pid, offset } = reader.memo ?? {};
      reader.send(pid && offset ? `40${JSON.stringify({ pid, offset })}` : '40');
    } else if (text.startsWith('40')) {
      const { pid } = JSON.parse(text.slice(2));
      const recovered = pid !== undefined && reader.memo?.pid === pid;
      reader.memo = { pid, offset: reader.memo?.offset, recovered };
      // A recovered session is in its rooms already.
      if (recovered) reader.ready();
      else reader.send(`420${JSON.stringify(['join', channels(reader.index)])}`);
    } else if (text.startsWith('43')) reader.ready();
  };
  return {
    path: '/socket.io/?EIO=4&transport=websocket',
    onOpen: () => undefined,
    onMessage: (reader, bytes, body, end, found) => {
      if (found === 0) return onControl(reader, bytes.utf8Slice(body, end));
      if (!track) return;
      // The offset is the event's last argument: …},"<offset>"]
      const tail = bytes.latin1Slice(Math.max(body, end - 64), end);
      const match = /,"([^"]+)"\]$/.exec(tail);
      if (match) reader.memo.offset = match[1];
    },
    recovered: (reader) => reader.memo?.recovered === true,
  };
}

const NEWLINE = 0x0a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Trunkline, native JSON wire: connect and subscribes in one frame, `{}` is the ping and its answer. */
function trunklineWire({ channels, track }) {
  const isPing = (bytes, at) => bytes[at] === OPEN && bytes[at + 1] === CLOSE;
  const holdsPing = (bytes, body, end, found) => {
    if (end - body < 2) return false;
    if (isPing(bytes, body) || (isPing(bytes, end - 2) && (end - body === 2 || bytes[end - 3] === NEWLINE)))
      return true;
    return found > 1 && bytes.subarray(body, end).includes('\n{}\n');
  };
  const join = (reader) => {
    const documents = [{ id: 1, connect: { token: `u${reader.index}`, name: 'bench' } }];
    const names = channels(reader.index);
    for (const [index, channel] of names.entries()) {
      const { epoch, offset } = reader.memo ?? {};
      const recover = track && epoch !== undefined ? { recover: true, epoch, offset } : {};
      documents.push({ id: index + 2, subscribe: { channel, ...recover } });
    }
    reader.waiting = names.length + 1;
    reader.send(documents.map((document) => JSON.stringify(document)).join('\n'));
  };
  /** Replies have an id; everything else a joining reader gets is a push or a ping. */
  const onReplies = (reader, text) => {
    for (const line of text.split('\n')) {
      if (line === '{}' || line === '' || !line.includes('"id":')) continue;
      const reply = JSON.parse(line);
      if (reply.id === undefined) continue;
      if (reply.error) throw new Error(`reply ${reply.id}: ${JSON.stringify(reply.error)}`);
      reader.waiting--;
      if (track && reply.subscribe) {
        const { epoch, offset = 0, recovered = false, publications } = reply.subscribe;
        reader.memo = {
          epoch,
          offset: publications?.at(-1)?.offset ?? reader.memo?.offset ?? offset,
          recovered,
        };
        if (!reader.memo.recovered) reader.memo.offset = offset;
      }
    }
    if (reader.waiting === 0) reader.ready();
  };
  return {
    path: '/connection/websocket',
    onOpen: join,
    onMessage: (reader, bytes, body, end, found) => {
      if (holdsPing(bytes, body, end, found)) reader.send('{}');
      if (reader.state === 'joining') onReplies(reader, bytes.utf8Slice(body, end));
      else if (track && found > 0) {
        const text = bytes.latin1Slice(body, end);
        const at = text.lastIndexOf('"offset":');
        if (at >= 0) reader.memo.offset = Number.parseInt(text.slice(at + 9), 10);
      }
    },
    recovered: (reader) => reader.memo?.recovered === true,
  };
}

export const WIRES = { floor: floorWire, loop: loopWire, socketio: socketioWire, trunkline: trunklineWire };

/**
 * Messages that several replies and pushes share. Each function writes the fields of one message from the last to the first, as the writer
 * wants them, with the numbers of wire.proto; the caller closes the message.
 */
import type { ClientInfo, Expiry, Publication, SubscribeResult, Tags } from '../model.js';
import { subscribeData } from '../extensions.js';
import { PHASE_NUMBERS, TYPE_NUMBERS } from '../wire-numbers.js';
import type { Writer } from './writer.js';

export function writeClientInfo(writer: Writer, { user, client, connInfo, chanInfo }: ClientInfo): void {
  writer.payload(4, chanInfo);
  writer.payload(3, connInfo);
  writer.text(2, client);
  writer.text(1, user);
}

export function writePublication(writer: Writer, publication: Publication): void {
  const { data, offset, info, tags, key, removed = false, timeMs = 0, form } = publication;
  writer.flag(12, removed);
  if (key !== undefined) writer.text(11, key);
  writer.number(9, timeMs);
  writer.flag(8, form === 'delta');
  if (tags !== undefined) writeTags(writer, tags);
  writer.number(6, offset);
  if (info !== undefined) {
    const before = writer.length;
    writeClientInfo(writer, info);
    writer.message(5, before);
  }
  // A removal that has nothing to say carries no data at all.
  if (!removed || data !== 'null') writer.payload(4, data);
}

/** The readers' order is that of the object. */
function writeTags(writer: Writer, tags: Tags): void {
  const names = Object.keys(tags);
  for (let index = names.length - 1; index >= 0; index--) {
    const name = names[index] as string;
    const before = writer.length;
    writer.textAlways(2, tags[name] as string);
    writer.textAlways(1, name);
    writer.message(7, before);
  }
}

export function writePublications(writer: Writer, field: number, publications: readonly Publication[]): void {
  for (let index = publications.length - 1; index >= 0; index--) {
    const before = writer.length;
    writePublication(writer, publications[index] as Publication);
    writer.message(field, before);
  }
}

/** A map from text to messages, in its order. */
export function writeMap<Value>(
  writer: Writer,
  field: number,
  entries: ReadonlyMap<string, Value>,
  write: (writer: Writer, value: Value) => void,
): void {
  for (const [key, value] of [...entries].reverse()) {
    const entry = writer.length;
    const before = writer.length;
    write(writer, value);
    writer.message(2, before);
    writer.textAlways(1, key);
    writer.message(field, entry);
  }
}

/** `expires` and `ttl` stand beside one another in every message that has them. */
export function writeExpiry(writer: Writer, expiresField: number, { ttlSeconds }: Expiry): void {
  if (ttlSeconds === undefined) return;
  writer.number(expiresField + 1, ttlSeconds);
  writer.flag(expiresField, true);
}

export function writeSubscribeResult(writer: Writer, result: SubscribeResult): void {
  writer.number(19, result.publishDebounceMs);
  writePublications(writer, 18, result.state);
  writer.text(17, result.cursor);
  writer.number(16, PHASE_NUMBERS[result.phase]);
  writer.number(15, TYPE_NUMBERS[result.type]);
  writer.flag(13, result.delta);
  writer.flag(12, result.wasRecovering);
  writer.payload(11, subscribeData(result));
  writer.flag(10, result.positioned);
  writer.number(9, result.position.offset);
  writer.flag(8, result.recovered);
  writePublications(writer, 7, result.publications);
  writer.text(6, result.position.epoch);
  writer.flag(3, result.recoverable);
  writeExpiry(writer, 1, result);
}

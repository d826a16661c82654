/** Reads the bytes that the embedded database answers: whole messages, as many as one call gave. */
import type { Run, SqlFailure } from '../engine.js';
import { RunReader } from '../wire.js';

/** What came of a pipeline. Throws where the bytes are not an answer to one. */
export function readReplies(bytes: Uint8Array): Run & { readonly inTransaction: boolean } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = new RunReader();
  let status = '';
  for (let at = 0; at < buffer.length;) {
    const end = at + 1 + buffer.readInt32BE(at + 1);
    status = readReply(reader, buffer[at] ?? 0, buffer.subarray(at + 5, end));
    at = end;
  }
  // The last message is ReadyForQuery: idle, in a transaction, or in one that failed.
  if (!['I', 'T', 'E'].includes(status)) throw new Error('the database did not finish its answer');
  return { ...reader.finish(), inTransaction: status !== 'I' };
}

/** The status that ReadyForQuery gives, else `''`. Messages without news (ParseComplete, notices, parameters) are passed over. */
function readReply(reader: RunReader, kind: number, body: Buffer): string {
  switch (String.fromCharCode(kind)) {
    case 'T':
      reader.onFields(readFields(body));
      return '';
    case 'D':
      reader.onRow(readRow(body));
      return '';
    case 'C':
      reader.onComplete(body.toString('utf8', 0, body.length - 1));
      return '';
    case 's':
      reader.onSuspended();
      return '';
    case 'E':
      reader.onFailure(readFailure(body));
      return '';
    case 'Z':
      return String.fromCharCode(body[0] ?? 0);
    default:
      return '';
  }
}

function readFields(body: Buffer): { name: string; oid: number }[] {
  const fields: { name: string; oid: number }[] = [];
  const count = body.readUInt16BE(0);
  for (let index = 0, at = 2; index < count; index++) {
    const end = body.indexOf(0, at);
    fields.push({ name: body.toString('utf8', at, end), oid: body.readUInt32BE(end + 7) });
    at = end + 19;
  }
  return fields;
}

function readRow(body: Buffer): (string | null)[] {
  const values: (string | null)[] = [];
  const count = body.readUInt16BE(0);
  for (let index = 0, at = 2; index < count; index++) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.toString('utf8', at, at + length));
    if (length > 0) at += length;
  }
  return values;
}

function readFailure(body: Buffer): SqlFailure {
  const fields = new Map<string, string>();
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const end = body.indexOf(0, at + 1);
    fields.set(String.fromCharCode(body[at] ?? 0), body.toString('utf8', at + 1, end));
    at = end + 1;
  }
  const constraint = fields.get('n');
  const detail = fields.get('D');
  return {
    sqlState: fields.get('C') ?? 'XX000',
    message: fields.get('M') ?? 'unknown error',
    ...(constraint === undefined ? {} : { constraint }),
    ...(detail === undefined ? {} : { detail }),
  };
}

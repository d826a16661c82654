/** Replies of the native wire in Protobuf. Fields are written from the last to the first (writer.ts). */
import type { ErrorData } from '../codes.js';
import { connectData } from '../extensions.js';
import type { ConnectResult, Reply, ReplyResult } from '../model.js';
import {
  writeClientInfo,
  writeExpiry,
  writeMap,
  writePublications,
  writeSubscribeResult,
} from './messages.js';
import type { Writer } from './writer.js';

const ERROR_FIELD = 2;

/** Numbers of the fields of a reply, by the kind of what they carry. */
const RESULT_FIELDS: Readonly<Record<ReplyResult['kind'], number>> = {
  connect: 5,
  subscribe: 6,
  unsubscribe: 7,
  publish: 8,
  presence: 9,
  presenceStats: 10,
  history: 11,
  ping: 12,
  rpc: 13,
  refresh: 14,
  subRefresh: 15,
};

export function writeReply(writer: Writer, { id, outcome }: Reply): void {
  const before = writer.length;
  if ('error' in outcome) {
    writeError(writer, outcome.error);
    writer.message(ERROR_FIELD, before);
  } else {
    writeResult(writer, outcome.result);
    writer.message(RESULT_FIELDS[outcome.result.kind], before);
  }
  writer.number(1, id);
}

function writeError(writer: Writer, { code, message, temporary }: ErrorData): void {
  writer.flag(3, temporary);
  writer.text(2, message);
  writer.number(1, code);
}

function writeResult(writer: Writer, result: ReplyResult): void {
  switch (result.kind) {
    case 'connect':
      return writeConnectResult(writer, result);
    case 'subscribe':
      return writeSubscribeResult(writer, result);
    case 'presence':
      return writeMap(writer, 1, result.clients, writeClientInfo);
    case 'presenceStats':
      writer.number(2, result.numUsers);
      writer.number(1, result.numClients);
      return;
    case 'history':
      writer.number(3, result.position.offset);
      writer.text(2, result.position.epoch);
      return writePublications(writer, 1, result.publications);
    case 'rpc':
      return writer.payload(1, result.data);
    case 'refresh':
      writeExpiry(writer, 3, result);
      writer.text(2, result.version);
      return writer.text(1, result.client);
    case 'subRefresh':
      return writeExpiry(writer, 1, result);
    case 'unsubscribe':
    case 'publish':
    case 'ping':
      return;
  }
}

function writeConnectResult(writer: Writer, result: ConnectResult): void {
  writer.number(11, result.timeMs ?? 0);
  writer.text(10, result.node);
  writer.text(9, result.session);
  writer.flag(8, result.pong);
  writer.number(7, result.pingSeconds);
  writeMap(writer, 6, result.subs, writeSubscribeResult);
  writer.payload(5, connectData(result));
  writeExpiry(writer, 3, result);
  writer.text(2, result.version);
  writer.text(1, result.client);
}

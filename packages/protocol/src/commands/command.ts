/**
 * One command from the object that carries it, whatever wire the object was read from: the JSON codec parses it, the Protobuf codec
 * builds the same object from fields. Decides what is answered and what ends the connection (spec WIRE-2, WIRE-5 to WIRE-7).
 */
import type { Refused } from '../codec.js';
import { closeOf, CodedError, type Close } from '../codes.js';
import type { Command } from '../model.js';
import { badField, isBody, type Body } from './fields.js';
import { READERS } from './readers.js';

const MAX_ID = 4_294_967_295;

/** A command, its refusal, or `fatal` where there is nobody to answer. Never throws. */
export function readCommand(command: Body): Command | Refused | { readonly fatal: Close } {
  let kind: string | undefined;
  let others = 0;
  let fields = 0;
  for (const name in command) {
    fields++;
    if (command[name] === null || !READERS.has(name)) continue;
    if (kind === undefined) kind = name;
    else others++;
  }
  const id = command['id'] ?? 0;
  if (fields === 0 || (fields === 1 && command['id'] === 0)) return { kind: 'pong', id: 0 };
  if (
    typeof id !== 'number' ||
    !Number.isInteger(id) ||
    id > MAX_ID ||
    id < 0 ||
    (id === 0 && kind !== 'send')
  ) {
    return { fatal: closeOf('badRequest', `command id must be an integer from 1 to ${MAX_ID}`) };
  }
  try {
    if (kind === undefined) throw new CodedError('methodNotFound', 'no known command in it');
    if (others > 0) throw new CodedError('badRequest', 'more than one command in an object');
    const body = command[kind];
    if (!isBody(body)) throw badField(kind, 'must be an object');
    return (READERS.get(kind) as NonNullable<ReturnType<typeof READERS.get>>)(id, body);
  } catch (error) {
    return {
      kind: 'refused',
      id,
      error: (error instanceof CodedError ? error : new CodedError('internal')).toData(),
    };
  }
}

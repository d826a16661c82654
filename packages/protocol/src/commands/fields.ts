/**
 * Reading fields of a command that is already an object. Each function names the field it complains about (`subscribe.channel`); a
 * complaint is a `CodedError` that becomes a refusal of that one command. Unknown fields are ignored, `null` counts as absent (as in
 * JSON of Protocol Buffers) except where any JSON value is allowed. `MISTYPED` stands where a wire held something that no reader takes.
 */
import { CodedError } from '../codes.js';
import type { Payload } from '../model.js';

/** A JSON object as parsed, or the like of it from another wire. `__proto__` in it is an ordinary own property. */
export type Body = Readonly<Record<string, unknown>>;

/** In the place of a field that was there in a form its schema does not have; every reader refuses it by name. */
export const MISTYPED = Symbol('mistyped');

export function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function badField(path: string, expected: string): CodedError {
  return new CodedError('badRequest', `${path} ${expected}`);
}

/** `''` when absent. */
export function text(body: Body, path: string, name: string): string {
  const value = body[name];
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  throw badField(`${path}.${name}`, 'must be a string');
}

/** Refuses absence; the empty string is for the router to judge. */
export function requiredText(body: Body, path: string, name: string): string {
  const value = body[name];
  if (typeof value === 'string') return value;
  throw badField(`${path}.${name}`, 'must be a string');
}

/** False when absent. */
export function flag(body: Body, path: string, name: string): boolean {
  const value = body[name];
  if (typeof value === 'boolean') return value;
  if (value === undefined || value === null) return false;
  throw badField(`${path}.${name}`, 'must be a boolean');
}

const INT32_MIN = -2_147_483_648;
const INT32_MAX = 2_147_483_647;

/** 0 when absent. */
export function int32(body: Body, path: string, name: string, min = INT32_MIN): number {
  return integer(body, path, name, min, INT32_MAX);
}

/** 0 when absent. The wire allows 64 bits; what a double cannot hold exactly is refused rather than rounded. */
export function offset(body: Body, path: string, name: string): number {
  return integer(body, path, name, 0, Number.MAX_SAFE_INTEGER);
}

function integer(body: Body, path: string, name: string, min: number, max: number): number {
  const value = body[name];
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw badField(`${path}.${name}`, `must be an integer from ${min} to ${max}`);
}

/**
 * A payload that its wire carries apart from the fields around it. Codecs put it in the place of the value, unread: what no reader asks
 * for is not looked at. A class, so that no parsed value is taken for one.
 */
export abstract class CarriedPayload {
  /** Finds out whether it is JSON text. */
  abstract read(): Payload;
}

/**
 * A payload, undefined when absent. A parsed JSON value becomes text on one line, written again from what was parsed: white space and
 * exact digits go. A carried payload is handed on as it is.
 */
export function payload(body: Body, path: string, name: string): Payload | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  if (value instanceof CarriedPayload) return value.read();
  if (typeof value === 'symbol') throw badField(`${path}.${name}`, 'must be bytes');
  return JSON.stringify(value);
}

export function requiredPayload(body: Body, path: string, name: string): Payload {
  const found = payload(body, path, name);
  if (found === undefined) throw badField(`${path}.${name}`, 'is missing');
  return found;
}

/** A payload that must be a JSON object, undefined when absent. */
export function payloadObject(body: Body, path: string, name: string): Body | undefined {
  const value = body[name];
  if (!(value instanceof CarriedPayload)) return object(body, path, name);
  const carried = value.read();
  const parsed: unknown = typeof carried === 'string' ? JSON.parse(carried) : undefined;
  if (isBody(parsed)) return parsed;
  throw badField(`${path}.${name}`, 'must be an object');
}

/** An object, undefined when absent. */
export function object(body: Body, path: string, name: string): Body | undefined {
  const value = body[name];
  if (isBody(value)) return value;
  if (value === undefined || value === null) return undefined;
  throw badField(`${path}.${name}`, 'must be an object');
}

/** An object of strings, empty when absent. */
export function texts(body: Body, path: string, name: string): Readonly<Record<string, string>> {
  const found = object(body, path, name);
  if (found === undefined) return NO_TEXTS;
  for (const key of Object.keys(found))
    if (typeof found[key] !== 'string') throw badField(`${path}.${name}`, 'must hold strings only');
  return found as Readonly<Record<string, string>>;
}

const NO_TEXTS: Readonly<Record<string, string>> = Object.freeze({});

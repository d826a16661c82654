/**
 * Reading fields of a parsed command. Each function names the field it complains about (`subscribe.channel`); a complaint is a
 * `CodedError` that the frame reader turns into a refusal of that one command. Unknown fields are ignored, `null` counts as absent
 * (as in JSON of Protocol Buffers) except where any JSON value is allowed.
 */
import { CodedError } from '../codes.js';
import type { Payload } from '../model.js';

/** A JSON object as parsed. `__proto__` in it is an ordinary own property. */
export type Body = Readonly<Record<string, unknown>>;

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

/** Any JSON value as text on one line, undefined when absent. Written again from what was parsed: white space and exact digits go. */
export function payload(body: Body, name: string): Payload | undefined {
  const value = body[name];
  return value === undefined ? undefined : JSON.stringify(value);
}

export function requiredPayload(body: Body, path: string, name: string): Payload {
  const found = payload(body, name);
  if (found === undefined) throw badField(`${path}.${name}`, 'is missing');
  return found;
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

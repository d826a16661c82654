/** A payload as JSON text on one line, for wires and envelopes that are JSON. */
import { base64 } from './base64.js';
import type { Payload } from './model.js';

/** Bytes have no form in JSON: they become a string of base64 (spec WIRE-21). */
export function jsonOf(payload: Payload): string {
  return typeof payload === 'string' ? onOneLine(payload) : `"${base64(payload)}"`;
}

/** Raw line breaks separate documents. In valid JSON text they stand between tokens only, so that a space says the same (spec WIRE-20). */
function onOneLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replace(/[\r\n]/g, ' ') : json;
}

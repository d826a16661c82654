import { randomInt, type Random } from './random.js';

/** Identifiers from a given random source: URL-safe text without look-alike separators. */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `length` characters of [0-9A-Za-z]; 22 characters carry 130 bits. */
export function randomId(random: Random, length = 22): string {
  let id = '';
  for (let index = 0; index < length; index++) id += ALPHABET[randomInt(random, ALPHABET.length)];
  return id;
}

/** A version 4 UUID (RFC 9562 section 5.4), the shape client ids have on the native wire. */
export function randomUuid(random: Random): string {
  let hex = '';
  for (let index = 0; index < 32; index++) {
    const digit = index === 12 ? 4 : index === 16 ? 8 + randomInt(random, 4) : randomInt(random, 16);
    hex += digit.toString(16);
    if (index === 7 || index === 11 || index === 15 || index === 19) hex += '-';
  }
  return hex;
}

/**
 * The message every peer sends: 200 bytes of JSON that carry a number and the time of publishing at fixed places behind a `~`, which
 * occurs nowhere else. Readers find the marker without parsing JSON, whatever envelope a wire puts around it.
 */
export const PAYLOAD_BYTES = 200;
export const MARKER = 0x7e;
/** Digits of the sequence number, then a colon, then digits of the time in microseconds. */
export const SEQUENCE_DIGITS = 10;
export const TIME_DIGITS = 16;

const HEAD = '{"k":"~';
const MIDDLE = '","p":"';
const TAIL = '"}';
const PAD = 'x'.repeat(
  PAYLOAD_BYTES - HEAD.length - SEQUENCE_DIGITS - 1 - TIME_DIGITS - MIDDLE.length - TAIL.length,
);

/** Monotonic microseconds, the same clock in every process of one machine. */
export function nowUs() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanoseconds / 1e3);
}

/** JSON text of message `sequence`, stamped with `timeUs`. */
export function buildPayload(sequence, timeUs) {
  return HEAD + stamp(sequence, timeUs) + MIDDLE + PAD + TAIL;
}

/** The same as an object, for servers that serialise themselves. */
export function buildPayloadObject(sequence, timeUs) {
  return { k: `~${stamp(sequence, timeUs)}`, p: PAD };
}

function stamp(sequence, timeUs) {
  return `${String(sequence).padStart(SEQUENCE_DIGITS, '0')}:${String(timeUs).padStart(TIME_DIGITS, '0')}`;
}

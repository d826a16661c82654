/** Differences in the Fossil format, made the simplest way that is one: what two texts begin and end with alike is copied, the rest inserted. ASCII only. */

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~';

export function fossilDelta(base: string, next: string): string {
  const limit = Math.min(base.length, next.length);
  let head = 0;
  while (head < limit && base[head] === next[head]) head++;
  let tail = 0;
  while (tail < limit - head && base[base.length - 1 - tail] === next[next.length - 1 - tail]) tail++;
  const middle = next.slice(head, next.length - tail);
  const copy = (length: number, from: number): string =>
    length === 0 ? '' : `${digits(length)}@${digits(from)},`;
  const insert = middle === '' ? '' : `${digits(middle.length)}:${middle}`;
  return `${digits(next.length)}\n${copy(head, 0)}${insert}${copy(tail, base.length - tail)}${digits(checksum(next))};`;
}

function digits(value: number): string {
  let text = '';
  for (let rest = value; rest > 0; rest = Math.floor(rest / 64)) text = `${DIGITS[rest % 64]}${text}`;
  return text === '' ? '0' : text;
}

/** The sum of the text as big-endian 32-bit words, the last one filled with zeros. */
function checksum(text: string): number {
  let sum = 0;
  for (let at = 0; at < text.length; at++)
    sum = (sum + text.charCodeAt(at) * 2 ** (24 - 8 * (at % 4))) % 4_294_967_296;
  return sum;
}

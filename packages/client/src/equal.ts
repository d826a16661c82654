/** Equality by value of what JSON can hold; functions and class instances are equal only when they are the same. */
export function equalJson(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  const prototype: unknown = Object.getPrototypeOf(left);
  if (prototype !== Object.getPrototypeOf(right)) return false;
  if (Array.isArray(left)) {
    const other = right as readonly unknown[];
    return left.length === other.length && left.every((item, index) => equalJson(item, other[index]));
  }
  if (prototype !== null && prototype !== Object.prototype) return false;
  // A loop, not a list of names: a map compares every value that arrives with the one it has.
  const [a, b] = [left, right] as Record<string, unknown>[] as [Fields, Fields];
  let more = 0;
  for (const key in a) {
    if (!Object.hasOwn(b, key) || !equalJson(a[key], b[key])) return false;
    more++;
  }
  return more === Object.keys(b).length;
}

type Fields = Readonly<Record<string, unknown>>;

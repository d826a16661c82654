/** The one way options are resolved: defaults, then what the caller gave (an explicit `undefined` counts as not given), then checks. */
export function mergeOptions<T extends object>(defaults: T, given: Partial<T> | undefined): T {
  const merged = { ...defaults };
  for (const key of Object.keys(given ?? {}) as (keyof T)[]) {
    const value = given?.[key];
    if (value !== undefined) merged[key] = value as T[keyof T];
  }
  return merged;
}

/** Throws when `value` is not a number of at least `min`; the message names `field`. `Infinity` is allowed. */
export function requireNumber(field: string, value: number, min: number): void {
  if (typeof value !== 'number' || Number.isNaN(value) || value < min) {
    throw new RangeError(`${field} must be a number of at least ${min}, got ${String(value)}`);
  }
}

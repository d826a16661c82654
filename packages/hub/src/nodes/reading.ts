/** Reads values that another node wrote, field by field; throws a TypeError that names the field. */
export type Fields = Readonly<Record<string, unknown>>;

export function asObject(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('an object is expected');
  return value as Fields;
}

export function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError('a list is expected');
  return value;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

export function asText(fields: Fields, name: string): string {
  const value = fields[name];
  if (!isText(value)) throw new TypeError(`${name} must be a text`);
  return value;
}

export function asOptionalText(fields: Fields, name: string): string | undefined {
  return fields[name] === undefined ? undefined : asText(fields, name);
}

/** A number from 0. */
export function asCount(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !(value >= 0)) throw new TypeError(`${name} must be a number from 0`);
  return value;
}

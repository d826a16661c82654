/**
 * JSON Schemas of zod contracts with their named parts pulled out into one place, as OpenAPI and AsyncAPI want them. A part has a name
 * where its contract gave it one (`meta({ id })`); two different parts of one name are a mistake of the contracts.
 */
import { z } from 'zod';

export type JsonSchema = Readonly<Record<string, unknown>>;

export class SchemaPool {
  readonly #target: 'draft-2020-12' | 'draft-7';
  readonly #named = new Map<string, JsonSchema>();

  constructor(target: 'draft-2020-12' | 'draft-7') {
    this.#target = target;
  }

  /** Unknown fields are ignored on every side, so nothing is closed (`io: 'input'`). Throws where a name stands for two things. */
  add(schema: z.ZodType): JsonSchema {
    const {
      $schema: _,
      $defs,
      definitions,
      ...rest
    } = z.toJSONSchema(schema, { io: 'input', target: this.#target }) as Record<string, unknown>;
    for (const [name, part] of Object.entries(($defs ?? definitions ?? {}) as Record<string, JsonSchema>))
      this.#name(name, part);
    return pointToComponents(rest) as JsonSchema;
  }

  /** For `components.schemas`. */
  get components(): Readonly<Record<string, JsonSchema>> {
    return Object.fromEntries([...this.#named].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #name(name: string, part: JsonSchema): void {
    const schema = pointToComponents(part) as JsonSchema;
    const known = this.#named.get(name);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema))
      throw new RangeError(`two schemas are called ${name}`);
    this.#named.set(name, schema);
  }
}

/** `#/$defs/Name` becomes `#/components/schemas/Name`, at any depth. */
function pointToComponents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointToComponents);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      key === '$ref' && typeof member === 'string'
        ? member.replace(/^#\/(\$defs|definitions)\//, '#/components/schemas/')
        : pointToComponents(member),
    ]),
  );
}

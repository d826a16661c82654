/** A compiled schema. Implemented in `apps/server` (ajv over the zod contracts); the router calls it before a handler. */
export interface Validator {
  /** Undefined when `value` fits; otherwise a sentence that names the field, e.g. `limit must be at most 1000`. */
  (value: unknown): string | undefined;
}

/** Compiles a JSON Schema once, at start. */
export type ValidatorCompiler = (jsonSchema: object) => Validator;

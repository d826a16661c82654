/**
 * The validator port over ajv: JSON Schemas (made from the zod contracts) compiled once, at start. A failing value gets one sentence
 * that names the field; the value itself is never repeated, it may be a secret.
 */
import type { ValidatorCompiler } from '@trunkline/hub';
import type { ErrorObject } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';

/** Throws at compile time where a schema is not one. Formats are not checked: contracts say what they mean with patterns. */
export function createValidatorCompiler(): ValidatorCompiler {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
  return (jsonSchema) => {
    // Schemas of different contracts may carry the same `$id`; each is compiled by itself.
    const { $id: _, ...schema } = jsonSchema as { readonly $id?: string };
    const validate = ajv.compile(schema);
    return (value) => (validate(value) ? undefined : explain(validate.errors?.at(-1)));
  };
}

/** `limit must be at most 1000`, `commands[0].channel is required`. */
function explain(error: ErrorObject | undefined): string {
  if (!error) return 'the value does not fit';
  const params = error.params as Readonly<Record<string, unknown>>;
  const field = fieldOf(error.instancePath);
  const inside = (name: unknown): string => (field === '' ? String(name) : `${field}.${String(name)}`);
  const subject = field === '' ? 'the value' : field;
  switch (error.keyword) {
    case 'required':
      return `${inside(params['missingProperty'])} is required`;
    case 'additionalProperties':
      return `${inside(params['additionalProperty'])} is not known`;
    case 'type':
      return `${subject} must be ${nameOfType(params['type'])}`;
    case 'enum':
      return `${subject} must be one of ${(params['allowedValues'] as readonly unknown[]).map(String).join(', ')}`;
    case 'const':
      return `${subject} must be ${JSON.stringify(params['allowedValue'])}`;
    case 'minimum':
    case 'minLength':
    case 'minItems':
      return `${subject} must ${measure(error.keyword)} at least ${String(params['limit'])}${unit(error.keyword)}`;
    case 'maximum':
    case 'maxLength':
    case 'maxItems':
      return `${subject} must ${measure(error.keyword)} at most ${String(params['limit'])}${unit(error.keyword)}`;
    case 'anyOf':
    case 'oneOf':
      return `${subject} does not have one of the forms allowed here`;
    default:
      return `${subject} ${error.message ?? 'does not fit'}`;
  }
}

/** A JSON pointer as people write it. */
function fieldOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'))
    .reduce(
      (path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`),
      '',
    );
}

function nameOfType(type: unknown): string {
  const names: Readonly<Record<string, string>> = {
    string: 'a string',
    integer: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
    object: 'an object',
    array: 'a list',
    null: 'null',
  };
  return [type]
    .flat()
    .map((one) => names[String(one)] ?? String(one))
    .join(' or ');
}

function measure(keyword: string): string {
  return keyword.endsWith('imum') ? 'be' : 'have';
}

function unit(keyword: string): string {
  return keyword.endsWith('Length') ? ' characters' : keyword.endsWith('Items') ? ' items' : '';
}

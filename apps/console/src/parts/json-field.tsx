/** A field for JSON: checked while it is typed, with the place of the mistake, and against a schema where there is one. */
import { Button, Textarea } from '@mantine/core';
import { WandSparkles } from 'lucide-react';
import { useId, useMemo } from 'react';
import { placeOfFault } from '../json-place.js';
import { check, type Finding, type Schema } from '../schema.js';

export type Parsed = { readonly value: unknown } | { readonly fault: string };

/** Of the text, and of the value where the text is JSON. */
export interface Checked {
  readonly parsed: Parsed;
  readonly findings: readonly Finding[];
}

export function checkText(text: string, schema: Schema | undefined): Checked {
  const parsed = parseJson(text);
  return { parsed, findings: schema && 'value' in parsed ? check(schema, parsed.value) : [] };
}

export function JsonField({
  label,
  value,
  onChange,
  schema,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly schema?: Schema | undefined;
}) {
  const id = useId();
  const { parsed, findings } = useMemo(() => checkText(value, schema), [value, schema]);
  const wrong = 'fault' in parsed;
  const format = (): void => {
    if (!wrong) onChange(JSON.stringify(parsed.value, null, 2));
  };
  return (
    <div className="tl-json">
      <Textarea
        label={label}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        error={wrong ? parsed.fault : findings.length > 0}
        aria-describedby={findings.length > 0 ? id : undefined}
        autosize
        minRows={5}
        maxRows={18}
        spellCheck={false}
        autoCapitalize="none"
        classNames={{ input: 'tl-code-input' }}
      />
      <Button
        variant="subtle"
        size="compact-xs"
        className="tl-json-format"
        disabled={wrong}
        leftSection={<WandSparkles size={13} aria-hidden="true" />}
        onClick={format}
      >
        Format
      </Button>
      {schema && !wrong && (
        <div id={id} className="tl-findings" role="status" data-fits={findings.length === 0 || undefined}>
          {findings.length === 0 ? (
            'Fits the schema.'
          ) : (
            <ul>
              {findings.map(({ path, message }) => (
                <li key={`${path} ${message}`}>
                  {path !== '' && <code>{path}</code>} {message}
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
    </div>
  );
}

/** Names line and column of the mistake. */
export function parseJson(text: string): Parsed {
  if (text.trim() === '') return { fault: 'Data is needed; null is a value.' };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    const { line, column } = placeOfFault(text);
    const found = [...text.slice(offsetOf(text, line, column))][0];
    const what =
      found === undefined ? 'the text ends too early' : `unexpected ${found === '\n' ? 'line end' : found}`;
    return { fault: `Not JSON: ${what} (line ${line} column ${column})` };
  }
}

function offsetOf(text: string, line: number, column: number): number {
  const before = text.split('\n').slice(0, line - 1);
  return before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
}

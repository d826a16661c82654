/** A field for JSON: checked while it is typed, with the place of the mistake, and against a schema where there is one. */
import { Button, Textarea } from '@mantine/core';
import { WandSparkles } from 'lucide-react';
import { useId, useMemo } from 'react';
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

/** Names line and column where the browser tells the place. */
export function parseJson(text: string): Parsed {
  if (text.trim() === '') return { fault: 'Data is needed; null is a value.' };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { fault: error instanceof Error ? `Not JSON: ${placed(error.message, text)}` : 'Not JSON.' };
  }
}

/** Browsers differ: some say line and column, some the position alone. */
function placed(message: string, text: string): string {
  if (/line \d+ column \d+/.test(message)) return message;
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return message;
  const before = text.slice(0, Number(position)).split('\n');
  return `${message} (line ${before.length} column ${(before.at(-1)?.length ?? 0) + 1})`;
}

/** What a contract promises of a channel's data: whose contract, in a sentence, and the schema itself. */
import { Text } from '@mantine/core';
import { Copy } from './copy.js';
import { Panel } from './panel.js';

export function SchemaView({
  contract,
  summary,
  schema,
}: {
  readonly contract: string;
  readonly summary: string;
  readonly schema: Readonly<Record<string, unknown>>;
}) {
  const text = JSON.stringify(schema, null, 2);
  return (
    <Panel title="Schema of the data" aside={<Copy what="the schema" text={() => text} />}>
      <Text size="sm" c="dimmed">
        Contract <code>{contract}</code>: {summary}
      </Text>
      <pre className="tl-pre" tabIndex={0} aria-label="JSON Schema">
        {text}
      </pre>
    </Panel>
  );
}

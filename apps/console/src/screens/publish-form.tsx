/** Publishes into a stream channel as the server. The text is checked as JSON while it is typed, and against the channel's schema. */
import { ActionIcon, Button, Group, Stack, TextInput, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { Dices, Send } from 'lucide-react';
import { useState, type FormEvent, type KeyboardEvent } from 'react';
import { useCall } from '../live.js';
import { checkText, JsonField } from '../parts/json-field.js';
import type { Schema } from '../schema.js';
import { parseTags } from './tags.js';

export function PublishForm({
  channel,
  schema,
}: {
  readonly channel: string;
  readonly schema?: Schema | undefined;
}) {
  const call = useCall();
  const [text, setText] = useState('{\n  "hello": "world"\n}');
  const [tags, setTags] = useState('');
  const [idempotencyKey, setIdempotencyKey] = useState('');
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string>();
  const { parsed, findings } = checkText(text, schema);
  const parsedTags = parseTags(tags);
  const unusable = 'fault' in parsed || 'fault' in parsedTags || findings.length > 0;

  const send = async (): Promise<void> => {
    if ('fault' in parsed || 'fault' in parsedTags || unusable || busy) return;
    setBusy(true);
    setFault(undefined);
    try {
      const { position, deduplicated } = await call('node.publish', {
        channel,
        data: parsed.value,
        ...(Object.keys(parsedTags.value).length > 0 && { tags: { ...parsedTags.value } }),
        ...(idempotencyKey !== '' && { idempotencyKey }),
      });
      const where = position.offset > 0 ? ` as offset ${position.offset}` : '';
      notifications.show({
        message: deduplicated
          ? `Nothing was published: this key was used before${where}.`
          : `Published${where}.`,
        color: deduplicated ? 'yellow' : 'jade',
        autoClose: deduplicated ? 6_000 : 2_500,
      });
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void send();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void send();
  };

  return (
    <form onSubmit={submit} onKeyDown={onKey}>
      <Stack gap="sm">
        <JsonField label="Data (JSON)" value={text} onChange={setText} schema={schema} />
        <TextInput
          label="Tags"
          placeholder="kind=test, level=info"
          value={tags}
          onChange={(event) => setTags(event.currentTarget.value)}
          error={'fault' in parsedTags ? parsedTags.fault : undefined}
          spellCheck={false}
          autoCapitalize="none"
        />
        <TextInput
          label="Idempotency key"
          placeholder="A repeat with this key publishes nothing"
          value={idempotencyKey}
          onChange={(event) => setIdempotencyKey(event.currentTarget.value)}
          maxLength={255}
          spellCheck={false}
          autoCapitalize="none"
          rightSection={
            <Tooltip label="A new key" withArrow>
              <ActionIcon
                variant="subtle"
                aria-label="Make a new idempotency key"
                onClick={() => setIdempotencyKey(newKey())}
              >
                <Dices size={16} aria-hidden="true" />
              </ActionIcon>
            </Tooltip>
          }
        />
        {fault !== undefined && (
          <p className="tl-fault" role="alert">
            {fault}
          </p>
        )}
        <Group justify="space-between" gap="xs">
          <span className="tl-foot">Ctrl + Enter sends</span>
          <Button
            type="submit"
            loading={busy}
            disabled={unusable}
            leftSection={<Send size={15} aria-hidden="true" />}
          >
            Publish
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Not `randomUUID`: it exists in secure contexts only. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

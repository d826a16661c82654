/** Publishes into a channel as the server. The text is checked as JSON while it is typed, with the place of the mistake. */
import { Button, Checkbox, Group, Stack, Textarea, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { Send } from 'lucide-react';
import { useState, type FormEvent, type KeyboardEvent } from 'react';
import type { Params } from '../asked.js';
import { useCall } from '../live.js';

type Parsed = { readonly value: unknown } | { readonly fault: string };

export function PublishForm({ channel, keyed }: { readonly channel: string; readonly keyed: boolean }) {
  const call = useCall();
  const [text, setText] = useState('{\n  "hello": "world"\n}');
  const [key, setKey] = useState('');
  const [tags, setTags] = useState('');
  const [removed, setRemoved] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string>();
  const parsed = parseJson(text);
  const parsedTags = parseTags(tags);
  const unusable = (!removed && 'fault' in parsed) || (keyed && key === '') || 'fault' in parsedTags;

  const send = async (): Promise<void> => {
    if (unusable || busy) return;
    setBusy(true);
    setFault(undefined);
    try {
      const { position } = await call(
        'node.publish',
        toParams({
          channel,
          keyed,
          key,
          removed,
          parsed,
          tags: 'value' in parsedTags ? parsedTags.value : {},
        }),
      );
      notifications.show({
        message: position.offset > 0 ? `Published as offset ${position.offset}.` : 'Published.',
        color: 'jade',
        autoClose: 2_500,
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
        {keyed && (
          <TextInput
            label="Key"
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            spellCheck={false}
            required
          />
        )}
        {keyed && (
          <Checkbox
            label="Remove this key"
            checked={removed}
            onChange={(event) => setRemoved(event.currentTarget.checked)}
          />
        )}
        {!removed && (
          <Textarea
            label="Data (JSON)"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            error={'fault' in parsed ? parsed.fault : undefined}
            autosize
            minRows={4}
            maxRows={14}
            spellCheck={false}
            styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }}
          />
        )}
        <TextInput
          label="Tags"
          description="Optional, e.g. kind=test, level=info"
          value={tags}
          onChange={(event) => setTags(event.currentTarget.value)}
          error={'fault' in parsedTags ? parsedTags.fault : undefined}
          spellCheck={false}
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
            {removed ? 'Remove' : 'Publish'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface Fields {
  readonly channel: string;
  readonly keyed: boolean;
  readonly key: string;
  readonly removed: boolean;
  readonly parsed: Parsed;
  readonly tags: Readonly<Record<string, string>>;
}

function toParams({ channel, keyed, key, removed, parsed, tags }: Fields): Params<'node.publish'> {
  const data = 'value' in parsed && !(keyed && removed) ? parsed.value : null;
  return {
    channel,
    data,
    ...(keyed && { key }),
    ...(keyed && removed && { removed }),
    ...(Object.keys(tags).length > 0 && { tags: { ...tags } }),
  };
}

export function parseJson(text: string): Parsed {
  if (text.trim() === '') return { fault: 'Data is needed; null is a value.' };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { fault: error instanceof Error ? `Not JSON: ${error.message}` : 'Not JSON.' };
  }
}

export function parseTags(
  text: string,
): { readonly value: Readonly<Record<string, string>> } | { readonly fault: string } {
  const tags: Record<string, string> = {};
  for (const part of text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')) {
    const at = part.indexOf('=');
    if (at < 1) return { fault: `Expected name=value, found ${part}` };
    tags[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return { value: tags };
}

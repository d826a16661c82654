/** "Why did this client not get a message?", asked inside its drawer. */
import { Group, NumberInput, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useAsked } from '../asked.js';
import { Panel } from '../parts/panel.js';
import { answersOf } from './diagnosis.js';
import { Verdict } from './verdict.js';

const REFRESH_MS = 1_500;
const PAUSE_MS = 300;

export function ConnectionWhy({
  client,
  user,
  channel,
  onChannel,
}: {
  readonly client: string;
  readonly user: string;
  readonly channel: string;
  readonly onChannel: (channel: string) => void;
}) {
  const [offset, setOffset] = useState<number | string>('');
  const [name] = useDebouncedValue(channel.trim(), PAUSE_MS);
  const wanted = typeof offset === 'number' && offset > 0 ? offset : undefined;
  const { data, error } = useAsked(
    'node.explain',
    name === '' ? null : { channel: name, client, ...(wanted !== undefined && { offset: wanted }) },
    REFRESH_MS,
  );
  const found = data && name !== '' ? answersOf(`The client of ${user}`, name, wanted, data)[0] : undefined;
  return (
    <Panel title="Why did this client not get a message?">
      <Group gap="xs" align="flex-end" wrap="nowrap">
        <TextInput
          className="tl-grow"
          label="Channel"
          placeholder="Name of the channel"
          value={channel}
          onChange={(event) => onChannel(event.currentTarget.value)}
          spellCheck={false}
          autoCapitalize="none"
        />
        <NumberInput
          label="Offset"
          placeholder="any"
          w={110}
          min={1}
          allowDecimal={false}
          hideControls
          value={offset}
          onChange={setOffset}
        />
      </Group>
      <div role="status" className="tl-why">
        {found ? (
          <Verdict diagnosis={found.diagnosis} />
        ) : (
          <Text size="sm" c="dimmed">
            {error?.message ?? 'Name the channel, and the publication’s offset if you know it.'}
          </Text>
        )}
      </div>
    </Panel>
  );
}

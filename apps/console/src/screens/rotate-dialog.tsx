/** A new key in the place of one, which works a while longer, so that nothing breaks in between. */
import type { KeyRecord } from '@trunkline/contracts/directory';
import { NativeSelect, Text } from '@mantine/core';
import { useState } from 'react';
import { useCall } from '../live.js';
import { FormDialog } from '../parts/form-dialog.js';
import type { Shown } from '../parts/shown-once.js';
import { endOf, LIVES, shownKey } from './key-dialog.js';

const HOUR_MS = 3_600_000;
const OVERLAPS = [
  { value: '1', label: 'for an hour' },
  { value: '24', label: 'for a day' },
  { value: '168', label: 'for a week' },
  { value: '720', label: 'for 30 days' },
  { value: '0', label: 'not any more' },
];

export function RotateDialog({
  of: key,
  onClose,
  onRotated,
}: {
  /** Undefined: closed. */
  readonly of: KeyRecord | undefined;
  readonly onClose: () => void;
  readonly onRotated: (shown: Shown) => void;
}) {
  const call = useCall();
  const [hours, setHours] = useState('24');
  const [days, setDays] = useState('0');
  return (
    <FormDialog
      opened={key !== undefined}
      title={`Rotate key ${key?.name ?? ''}`}
      action="Rotate"
      unusable={false}
      onClose={onClose}
      onSubmit={async () => {
        if (!key) return;
        const { secret } = await call('directory.rotateKey', {
          id: key.id,
          overlapMs: Number(hours) * HOUR_MS,
          ...endOf(days),
        });
        onClose();
        onRotated(shownKey(key.name, secret));
      }}
    >
      <Text size="sm">
        You get a key of the same name and rights. Give it to whoever uses the one before, while both work.
      </Text>
      <NativeSelect
        label="The one before works"
        data={OVERLAPS}
        value={hours}
        onChange={(event) => setHours(event.currentTarget.value)}
        data-autofocus
      />
      <NativeSelect
        label="The new one works"
        data={LIVES}
        value={days}
        onChange={(event) => setDays(event.currentTarget.value)}
      />
    </FormDialog>
  );
}

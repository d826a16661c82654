/** Makes an API key. */
import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useCall } from '../live.js';
import { FormDialog } from '../parts/form-dialog.js';
import type { Shown } from '../parts/shown-once.js';
import { handleFault, parseScopes } from './people-words.js';

const DAY_MS = 24 * 3_600_000;

export const LIVES = [
  { value: '0', label: 'without end' },
  { value: '1', label: 'for a day' },
  { value: '30', label: 'for 30 days' },
  { value: '90', label: 'for 90 days' },
  { value: '365', label: 'for a year' },
];

/** `{expiresMs}` of a choice among `LIVES`, or nothing. */
export function endOf(days: string): { readonly expiresMs?: number } {
  return days === '0' ? {} : { expiresMs: Date.now() + Number(days) * DAY_MS };
}

export function KeyDialog({
  opened,
  operator,
  org,
  onClose,
  onMade,
}: {
  readonly opened: boolean;
  readonly operator: boolean;
  readonly org: string;
  readonly onClose: () => void;
  readonly onMade: (shown: Shown) => void;
}) {
  const call = useCall();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState('');
  const [days, setDays] = useState('0');
  const [allOrgs, setAllOrgs] = useState(false);
  useEffect(() => {
    if (!opened) return;
    setName('');
    setScopes('');
    setAllOrgs(false);
  }, [opened]);
  const parsed = parseScopes(scopes);
  const fault = handleFault(name);
  const make = async (): Promise<void> => {
    if ('fault' in parsed) return;
    const { key, secret } = await call('directory.createKey', {
      name,
      scopes: parsed.scopes,
      ...(allOrgs && { allOrgs }),
      ...endOf(days),
    });
    onClose();
    onMade(shownKey(key.name, secret));
  };
  return (
    <FormDialog
      opened={opened}
      title={allOrgs ? 'New key of all orgs' : `New key of ${org}`}
      action="Make key"
      unusable={name === '' || fault !== undefined || 'fault' in parsed}
      onClose={onClose}
      onSubmit={make}
    >
      <TextInput
        label="Name"
        description="Who will use it. It stands in logs and in the audit log."
        placeholder="ci"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={fault}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        data-autofocus
      />
      <TextInput
        label="May use"
        description="API methods and modules, apart by commas. Empty: everything."
        placeholder="publish, broadcast"
        value={scopes}
        onChange={(event) => setScopes(event.currentTarget.value)}
        error={'fault' in parsed ? parsed.fault : undefined}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
      />
      <NativeSelect
        label="Works"
        data={LIVES}
        value={days}
        onChange={(event) => setDays(event.currentTarget.value)}
      />
      {operator && (
        <Checkbox
          label="For all orgs"
          description="Each request names the org in X-Org, and each use is recorded."
          checked={allOrgs}
          onChange={(event) => setAllOrgs(event.currentTarget.checked)}
        />
      )}
    </FormDialog>
  );
}

export function shownKey(name: string, secret: string | undefined): Shown {
  return {
    title: `Key ${name}`,
    what: 'the key',
    text: secret ?? '',
    note: 'This is the only time it is shown: the server keeps a digest of it. Put it where the service finds it, and nowhere else.',
  };
}

/** Which columns a table shows besides those that it always does: those of the cluster's own tables, custom resources included. What only the API server can work out is named, and cannot be chosen. */
import { Button, Checkbox, Popover, Stack } from '@mantine/core';
import { Columns3 } from 'lucide-react';
import { useState } from 'react';
import { useAsked, type Result } from '../asked.js';
import { parseKind } from '../kube/words.js';
import { replace } from '../router.js';
import type { Picked } from './resource-pickers.js';

type KindColumn = Result<'kube.columns'>['columns'][number];

export function ColumnPicker({
  cluster,
  kind,
  namespace,
  chosen = '',
  onPick,
}: {
  readonly cluster: string;
  readonly kind: string;
  readonly namespace: string | undefined;
  /** Names, separated by commas. */
  readonly chosen: string | undefined;
  readonly onPick: (changed: Picked, how?: typeof replace) => void;
}) {
  const [opened, setOpened] = useState(false);
  const parsed = parseKind(kind);
  const question = opened && parsed ? { cluster, ...parsed, ...(namespace ? { namespace } : {}) } : null;
  const { data, error } = useAsked('kube.columns', question, 0);
  const names = chosen === '' ? [] : chosen.split(',');
  const toggle = (name: string): void => {
    const next = names.includes(name) ? names.filter((one) => one !== name) : [...names, name];
    onPick({ columns: next.length === 0 ? undefined : next.join(',') }, replace);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" width={280} withinPortal={false}>
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<Columns3 size={16} aria-hidden="true" />}
          onClick={() => setOpened((before) => !before)}
        >
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Columns">
        {error ? (
          <p className="tl-foot">{error.message}</p>
        ) : data ? (
          <Choices columns={data.columns} names={names} onToggle={toggle} />
        ) : (
          <p className="tl-foot">Asking the cluster…</p>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}

function Choices({
  columns,
  names,
  onToggle,
}: {
  readonly columns: readonly KindColumn[];
  readonly names: readonly string[];
  readonly onToggle: (name: string) => void;
}) {
  const more = columns.filter(({ inWindows, priority }) => inWindows && priority > 0);
  const missing = columns.filter(({ inWindows }) => !inWindows);
  return (
    <Stack gap={8}>
      {more.map(({ name, title, description }) => (
        <Checkbox
          key={name}
          label={title}
          title={description}
          checked={names.includes(name)}
          onChange={() => onToggle(name)}
        />
      ))}
      {more.length === 0 && <p className="tl-foot">All columns there are to choose are shown.</p>}
      {missing.length > 0 && (
        <p className="tl-foot">
          Only the cluster&rsquo;s own tables have {missing.map(({ title }) => title).join(', ')}.
        </p>
      )}
    </Stack>
  );
}

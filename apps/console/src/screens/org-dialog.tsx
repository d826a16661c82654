/** Makes an org, or changes one: its name, limits, clusters and namespaces. */
import type { OrgRecord, Quotas } from '@trunkline/contracts/directory';
import { NumberInput, SimpleGrid, Textarea, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useCall } from '../live.js';
import { FormDialog } from '../parts/form-dialog.js';
import { linesOf, parseNamespaces, QUOTAS } from './people-words.js';

interface Draft {
  readonly id: string;
  readonly name: string;
  readonly quotas: Readonly<Record<string, number | string>>;
  readonly clusters: string;
  readonly namespaces: string;
}

const EMPTY: Draft = { id: '', name: '', quotas: {}, clusters: '', namespaces: '' };

export function OrgDialog({
  org,
  onClose,
  onSaved,
}: {
  /** Undefined: closed. `null`: a new one. */
  readonly org: OrgRecord | null | undefined;
  readonly onClose: () => void;
  readonly onSaved: () => void;
}) {
  const call = useCall();
  const [draft, setDraft] = useState(EMPTY);
  const change = (more: Partial<Draft>): void => setDraft((before) => ({ ...before, ...more }));
  useEffect(() => setDraft(org ? toDraft(org) : EMPTY), [org]);
  const wrongId = draft.id !== '' && !/^[A-Za-z0-9._-]{1,64}$/.test(draft.id);
  const parsed = parseNamespaces(draft.namespaces);
  const save = async (): Promise<void> => {
    if ('fault' in parsed) return;
    const fields = {
      name: draft.name.trim() === '' ? draft.id : draft.name.trim(),
      quotas: toQuotas(draft.quotas),
      clusters: linesOf(draft.clusters),
      kubernetes: parsed.kubernetes,
    };
    await call(org ? 'directory.updateOrg' : 'directory.createOrg', { id: draft.id, ...fields });
    onSaved();
    onClose();
  };
  return (
    <FormDialog
      opened={org !== undefined}
      title={org ? `Org ${org.name}` : 'New org'}
      action={org ? 'Save' : 'Make org'}
      unusable={draft.id === '' || wrongId || 'fault' in parsed}
      onClose={onClose}
      onSubmit={save}
    >
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
        <TextInput
          label="Id"
          placeholder="acme"
          value={draft.id}
          onChange={(event) => change({ id: event.currentTarget.value })}
          readOnly={Boolean(org)}
          error={wrongId ? '1 to 64 of A-Z a-z 0-9 . _ -' : undefined}
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          data-autofocus={!org || undefined}
        />
        <TextInput
          label="Name"
          placeholder="As the id"
          value={draft.name}
          onChange={(event) => change({ name: event.currentTarget.value })}
          autoComplete="off"
          data-autofocus={Boolean(org) || undefined}
        />
        {QUOTAS.map(({ name, label, least }) => (
          <NumberInput
            key={name}
            label={label}
            placeholder="As the node"
            min={least}
            max={1e9}
            allowDecimal={false}
            allowNegative={false}
            hideControls
            thousandSeparator=","
            value={draft.quotas[name] ?? ''}
            onChange={(value) => change({ quotas: { ...draft.quotas, [name]: value } })}
          />
        ))}
      </SimpleGrid>
      <p className="tl-foot">Limits count on each node. Empty: the node’s own limit alone.</p>
      <Textarea
        label="Clusters"
        description="Whose existence the org may see, a line each."
        value={draft.clusters}
        onChange={(event) => change({ clusters: event.currentTarget.value })}
        rows={2}
        spellCheck={false}
        autoCapitalize="none"
      />
      <Textarea
        label="Namespaces"
        description="That it may look into: cluster/namespace, a line each."
        placeholder="prod/acme"
        value={draft.namespaces}
        onChange={(event) => change({ namespaces: event.currentTarget.value })}
        error={'fault' in parsed ? parsed.fault : undefined}
        rows={3}
        spellCheck={false}
        autoCapitalize="none"
      />
    </FormDialog>
  );
}

function toDraft({ id, name, quotas, clusters, kubernetes }: OrgRecord): Draft {
  const set = QUOTAS.flatMap(({ name: of }) => {
    const value = quotas[of];
    return value === null || value === undefined ? [] : [[of, value] as const];
  });
  return {
    id,
    name,
    quotas: Object.fromEntries(set),
    clusters: clusters.join('\n'),
    namespaces: kubernetes.map(({ cluster, namespace }) => `${cluster}/${namespace}`).join('\n'),
  };
}

/** What was left empty is not limited. */
function toQuotas(given: Draft['quotas']): Quotas {
  const quotas: Quotas = {};
  for (const { name } of QUOTAS) {
    const value = given[name];
    if (typeof value === 'number') quotas[name] = value;
  }
  return quotas;
}

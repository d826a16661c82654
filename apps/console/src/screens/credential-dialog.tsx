/** Leaves the reader's own credential for a cluster: a token, or a kubeconfig that is reduced to what it holds. It leaves this form once and is not shown again. */
import type { ClusterRecord } from '@trunkline/contracts/kube';
import { SegmentedControl, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useEffect, useState } from 'react';
import { useCall } from '../live.js';
import { FormDialog } from '../parts/form-dialog.js';

type Way = 'token' | 'kubeconfig';

const MAX: Readonly<Record<Way, number>> = { token: 20_000, kubeconfig: 262_144 };

export function CredentialDialog({
  cluster,
  onClose,
  onLeft,
}: {
  /** Undefined: closed. */
  readonly cluster: Pick<ClusterRecord, 'id' | 'name'> | undefined;
  readonly onClose: () => void;
  readonly onLeft: () => void;
}) {
  const call = useCall();
  const [way, setWay] = useState<Way>('token');
  const [text, setText] = useState('');
  const opened = cluster !== undefined;
  useEffect(() => setText(''), [opened]);
  const long = text.length > MAX[way];
  return (
    <FormDialog
      opened={opened}
      title={`Your credential for ${cluster?.name ?? ''}`}
      action="Leave"
      unusable={text.trim() === '' || long}
      onClose={onClose}
      onSubmit={async () => {
        if (!cluster) return;
        await call('kube.credentials.put', {
          cluster: cluster.id,
          [way]: way === 'token' ? text.trim() : text,
        });
        setText('');
        notifications.show({ message: 'The credential is kept.', color: 'jade', autoClose: 3_000 });
        onLeft();
        onClose();
      }}
    >
      <SegmentedControl
        aria-label="Kind of credential"
        value={way}
        onChange={(next) => (setWay(next as Way), setText(''))}
        data={[
          { value: 'token', label: 'Token' },
          { value: 'kubeconfig', label: 'Kubeconfig' },
        ]}
      />
      <Textarea
        label={way === 'token' ? 'Token' : 'Kubeconfig'}
        description={
          way === 'token'
            ? 'As the cluster gave it to you. Kept encrypted; nobody sees it again.'
            : 'Only its token or client certificate is kept. One that runs a program or names files is refused.'
        }
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        error={long ? `At most ${MAX[way]} characters` : undefined}
        rows={way === 'token' ? 4 : 10}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        classNames={{ input: 'tl-code-input' }}
        data-autofocus
      />
    </FormDialog>
  );
}

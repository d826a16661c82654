/**
 * Leaves the reader's own credential for a cluster: a token, a client certificate with its key, or a kubeconfig that is reduced to one of them. It leaves this form
 * once and is not shown again; what is refused is said at the field that it is about.
 */
import type { ClusterRecord } from '@trunkline/contracts/kube';
import { Button, FileButton, SegmentedControl, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { FileUp } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { refusalOf, WAYS, type Field, type FieldWords, type Refusal, type Way } from '../kube/credential.js';
import { useCall } from '../live.js';
import { FormDialog } from '../parts/form-dialog.js';

type Given = Readonly<Partial<Record<Field, string>>>;

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
  const [given, setGiven] = useState<Given>({});
  const [refusal, setRefusal] = useState<Refusal>();
  const opened = cluster !== undefined;
  const forget = (): void => (setGiven({}), setRefusal(undefined));
  useEffect(forget, [opened]);
  const { fields } = WAYS[way];
  const give = (field: Field, text: string): void => {
    setGiven((before) => ({ ...before, [field]: text }));
    setRefusal(undefined);
  };
  return (
    <FormDialog
      opened={opened}
      title={`Your credential for ${cluster?.name ?? ''}`}
      action="Leave"
      unusable={fields.some(({ field, max }) => !isUsable(given[field], max))}
      onClose={onClose}
      onSubmit={async () => {
        if (!cluster) return;
        setRefusal(undefined);
        const credential = Object.fromEntries(
          fields.map(({ field }) => [field, (given[field] ?? '').trim()]),
        );
        try {
          await call('kube.credentials.put', { cluster: cluster.id, ...credential });
        } catch (error) {
          const refused = refusalOf(error, way);
          if (refused === undefined) throw error;
          return setRefusal(refused);
        }
        forget();
        notifications.show({ message: 'The credential is kept.', color: 'jade', autoClose: 3_000 });
        onLeft();
        onClose();
      }}
    >
      <SegmentedControl
        aria-label="Kind of credential"
        value={way}
        onChange={(next) => (setWay(next as Way), forget())}
        data={(Object.keys(WAYS) as Way[]).map((value) => ({ value, label: WAYS[value].label }))}
      />
      {fields.map((words, index) => (
        <SecretField
          key={words.field}
          words={words}
          value={given[words.field] ?? ''}
          refused={refusal?.field === words.field ? refusal : undefined}
          isFirst={index === 0}
          onChange={(text) => give(words.field, text)}
        />
      ))}
    </FormDialog>
  );
}

/** Typed, or read from a file of the reader's. A refusal leads there. */
function SecretField({
  words: { label, description, max, rows, isFile },
  value,
  refused,
  isFirst,
  onChange,
}: {
  readonly words: FieldWords;
  readonly value: string;
  readonly refused: Refusal | undefined;
  readonly isFirst: boolean;
  readonly onChange: (text: string) => void;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [tooLarge, setTooLarge] = useState(false);
  useEffect(() => {
    if (refused) area.current?.focus();
  }, [refused]);
  const change = (text: string): void => (setTooLarge(false), onChange(text));
  const read = async (file: File | null): Promise<void> => {
    if (file === null) return;
    if (file.size > max) return setTooLarge(true);
    change(await file.text());
  };
  const long = tooLarge || value.length > max;
  return (
    <div className="tl-secret-field">
      <Textarea
        ref={area}
        label={label}
        description={description}
        value={value}
        onChange={(event) => change(event.currentTarget.value)}
        error={long ? `At most ${max.toLocaleString('en')} characters` : refused?.reason}
        rows={rows}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        classNames={{ input: 'tl-code-input' }}
        data-autofocus={isFirst || undefined}
      />
      {isFile && (
        <FileButton onChange={(file) => void read(file)} inputProps={{ 'aria-label': `File: ${label}` }}>
          {(props) => (
            <Button
              {...props}
              variant="default"
              size="compact-sm"
              leftSection={<FileUp size={14} aria-hidden="true" />}
              aria-label={`${label} from a file`}
            >
              From a file
            </Button>
          )}
        </FileButton>
      )}
    </div>
  );
}

function isUsable(text: string | undefined, max: number): boolean {
  return text !== undefined && text.trim() !== '' && text.length <= max;
}

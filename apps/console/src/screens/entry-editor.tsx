/**
 * Adds, changes or removes one entry of a map, by comparing: what is written rests on the version that was read, and where somebody wrote in
 * between, nothing happens and their value is shown. A new key is written only where there is none.
 */
import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useEffect, useState } from 'react';
import { useAsked, type Result } from '../asked.js';
import { formatCount, formatDateTime } from '../format.js';
import { useCall } from '../live.js';
import { checkText, JsonField } from '../parts/json-field.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { DialogSheet } from '../parts/sheet.js';
import type { Schema } from '../schema.js';
import { KeyRound } from 'lucide-react';

export type Edit =
  | { readonly kind: 'add' }
  | { readonly kind: 'edit'; readonly key: string }
  | { readonly kind: 'remove'; readonly key: string };

type Entry = Result<'node.mapState'>['entries'][number];

export interface EntryEditorProps {
  readonly channel: string;
  /** Undefined: closed. */
  readonly edit: Edit | undefined;
  readonly schema?: Schema | undefined;
  readonly onClose: () => void;
}

const TITLES = { add: 'Add an entry', edit: 'Edit', remove: 'Remove' };

export function EntryEditor({ edit, onClose, ...rest }: EntryEditorProps) {
  return (
    <DialogSheet
      title={edit && (edit.kind === 'add' ? TITLES.add : `${TITLES[edit.kind]} ${edit.key}`)}
      width={620}
      onClose={onClose}
    >
      {edit?.kind === 'add' && <Form {...rest} onClose={onClose} read={undefined} />}
      {edit !== undefined && edit.kind !== 'add' && <Existing {...rest} edit={edit} onClose={onClose} />}
    </DialogSheet>
  );
}

/** Value and version are read together; what the table shows is newer, or older, by a moment. */
function Existing({
  channel,
  edit,
  schema,
  onClose,
}: EntryEditorProps & { readonly edit: Exclude<Edit, { kind: 'add' }> }) {
  const { data, error, ask } = useAsked('node.mapState', { channel, key: edit.key }, 0);
  const entry = data?.entries[0];
  if (data === undefined)
    return error ? (
      <Failure title="The entry cannot be read" reason={error.message} retry={ask} />
    ) : (
      <Waiting label="Reading the entry" rows={4} />
    );
  if (!entry)
    return (
      <Empty icon={KeyRound} title="This entry is gone">
        Somebody removed it, or its time ran out.
      </Empty>
    );
  return edit.kind === 'edit' ? (
    <Form channel={channel} schema={schema} read={entry} onClose={onClose} />
  ) : (
    <Removal channel={channel} read={entry} onClose={onClose} />
  );
}

interface WriteProps {
  readonly channel: string;
  readonly onClose: () => void;
}

/** `read` undefined: a new key. */
function Form({
  channel,
  schema,
  read,
  onClose,
}: WriteProps & { readonly schema?: Schema | undefined; readonly read: Entry | undefined }) {
  const [key, setKey] = useState(read?.key ?? '');
  const [text, setText] = useState(() => (read ? JSON.stringify(read.data, null, 2) : '{\n  \n}'));
  const write = useWrite(channel, onClose);
  const [basis, setBasis] = useState(read);
  const { parsed, findings } = checkText(text, schema);
  const unusable = 'fault' in parsed || findings.length > 0 || key.trim() === '';
  const theirs = write.conflict;
  useEffect(() => {
    if (theirs) setBasis(theirs);
  }, [theirs]);
  const save = (): void => {
    if (unusable || 'fault' in parsed) return;
    write.run({ key: key.trim(), data: parsed.value, expect: basis?.offset ?? 'absent' }, 'Saved.');
  };
  return (
    <Stack gap="sm">
      {read === undefined ? (
        <TextInput
          label="Key"
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
          maxLength={255}
          spellCheck={false}
          autoCapitalize="none"
          data-autofocus
        />
      ) : (
        <Version entry={basis ?? read} />
      )}
      <JsonField label="Value (JSON)" value={text} onChange={setText} schema={schema} />
      {theirs && (
        <div className="tl-conflict" role="alert">
          <Text size="sm" fw={600}>
            {read === undefined ? 'The key is there already.' : 'Somebody changed it meanwhile.'} Nothing was
            written.
          </Text>
          <pre className="tl-pre" tabIndex={0} aria-label="What stands there">
            {JSON.stringify(theirs.data, null, 2)}
          </pre>
          <Group gap="xs" mt="xs">
            <Button variant="default" size="xs" onClick={() => setText(JSON.stringify(theirs.data, null, 2))}>
              Take theirs into the field
            </Button>
            <span className="tl-foot">Saving again replaces version {formatCount(theirs.offset)}.</span>
          </Group>
        </div>
      )}
      <Foot fault={write.fault} onClose={onClose}>
        <Button onClick={save} loading={write.busy} disabled={unusable}>
          {read === undefined ? 'Add' : 'Save'}
        </Button>
      </Foot>
    </Stack>
  );
}

function Removal({ channel, read, onClose }: WriteProps & { readonly read: Entry }) {
  const write = useWrite(channel, onClose);
  const basis = write.conflict ?? read;
  return (
    <Stack gap="sm">
      <Text size="sm">
        {write.conflict
          ? 'Somebody changed it meanwhile, and nothing was removed. This is what stands there now:'
          : 'The entry goes for every reader of the map.'}
      </Text>
      <Version entry={basis} />
      <pre className="tl-pre" tabIndex={0} aria-label="The entry’s value">
        {JSON.stringify(basis.data, null, 2)}
      </pre>
      <Foot fault={write.fault} onClose={onClose}>
        <Button
          color="red.8"
          loading={write.busy}
          onClick={() => write.run({ key: read.key ?? '', removed: true, expect: basis.offset }, 'Removed.')}
        >
          Remove
        </Button>
      </Foot>
    </Stack>
  );
}

function Version({ entry }: { readonly entry: Entry }) {
  return (
    <span className="tl-chips">
      <span className="tl-chip tl-num">version {formatCount(entry.offset)}</span>
      {entry.timeMs !== undefined && <span className="tl-chip tl-num">{formatDateTime(entry.timeMs)}</span>}
      {entry.info !== undefined && (
        <span className="tl-chip">by {entry.info.user === '' ? 'anonymous' : entry.info.user}</span>
      )}
    </span>
  );
}

function Foot({
  fault,
  onClose,
  children,
}: {
  readonly fault: string | undefined;
  readonly onClose: () => void;
  readonly children: React.ReactNode;
}) {
  return (
    <>
      {fault !== undefined && (
        <p className="tl-fault" role="alert">
          {fault}
        </p>
      )}
      <Group justify="flex-end" mt="xs">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        {children}
      </Group>
    </>
  );
}

interface Change {
  readonly key: string;
  readonly data?: unknown;
  readonly removed?: true;
  readonly expect: 'absent' | number;
}

/** One write at a time; a conflict is what stands there instead. */
function useWrite(channel: string, onClose: () => void) {
  const call = useCall();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string>();
  const [conflict, setConflict] = useState<Entry>();
  const run = (change: Change, done: string): void => {
    setBusy(true);
    setFault(undefined);
    call('node.publish', { channel, data: null, ...change })
      .then(
        ({ applied, current }) => {
          if (applied) {
            notifications.show({ message: done, color: 'jade', autoClose: 2_500 });
            onClose();
          } else if (current) setConflict(current);
          else setFault('The entry is gone: somebody removed it, or its time ran out. Nothing was written.');
        },
        (error: unknown) => setFault(error instanceof Error ? error.message : String(error)),
      )
      .finally(() => setBusy(false));
  };
  return { run, busy, fault, conflict };
}

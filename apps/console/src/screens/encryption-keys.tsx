/**
 * The keys that secrets are encrypted under, and their rotation: a batch after the other, until nothing is left under an old key. Leaving the page
 * ends nothing: what was done stays done, every secret stays readable, and a rotation goes on where it was.
 */
import { Button, Progress } from '@mantine/core';
import { RotateCw } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { plural } from '../format.js';
import { useCall, type Call } from '../live.js';
import { Confirm, type Question } from '../parts/confirm.js';
import { faultWords } from '../parts/form-dialog.js';
import { Panel } from '../parts/panel.js';
import { Records } from '../parts/records.js';
import { useKept } from './directory.js';
import { Kept } from './kept-panel.js';

const BATCH = 100;

interface Rotation {
  readonly rotated: number;
  readonly remaining: number;
  readonly fault?: string;
}

export function EncryptionKeys({ onRotated }: { readonly onRotated: () => void }) {
  const call = useCall();
  const asked = useKept('directory.secretKeys', {});
  const [question, setQuestion] = useState<Question>();
  const [rotation, setRotation] = useState<Rotation>();
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => void (mounted.current = false);
  }, []);
  const unfinished = (asked.data?.keys.length ?? 0) > 1;
  const managed = asked.data?.managed === true;
  const run = async (): Promise<void> => {
    setRotation({ rotated: 0, remaining: 1 });
    await rotateAll(
      call,
      (next) => mounted.current && setRotation(next),
      () => mounted.current,
    );
    asked.ask();
    onRotated();
  };
  const running = rotation !== undefined && rotation.remaining > 0 && rotation.fault === undefined;
  return (
    <Panel
      title="Encryption keys of the installation"
      flush
      aside={
        (managed || unfinished) && (
          <Button
            variant="default"
            size="compact-sm"
            loading={running}
            leftSection={<RotateCw size={14} aria-hidden="true" />}
            onClick={() => setQuestion(rotationQuestion(unfinished, run))}
          >
            {unfinished ? 'Finish rotation' : 'Rotate'}
          </Button>
        )
      }
    >
      {rotation && <RotationLine rotation={rotation} />}
      <Kept asked={asked} what="the keys" isEmpty={({ keys }) => keys.length === 0} empty={null}>
        {({ keys }) => (
          <Records
            label="Encryption keys"
            records={keys}
            keyOf={({ keyId }) => keyId}
            columns={[
              {
                title: 'Key',
                width: 'minmax(0, 2fr)',
                cell: ({ keyId }) => <code className="tl-break">{keyId}</code>,
              },
              {
                title: 'State',
                width: 'minmax(0, 2fr)',
                cell: ({ current, held }) => (
                  <span className="tl-mark" data-tone={held ? (current ? 'live' : 'wait') : 'bad'}>
                    <span className="tl-dot tl-still" aria-hidden="true" />
                    {held
                      ? current
                        ? 'in use'
                        : 'old, still needed'
                      : 'not held by this node: secrets under it cannot be read'}
                  </span>
                ),
              },
              {
                title: 'Under it',
                width: 'minmax(0, 1fr)',
                cell: ({ secrets }) => <span className="tl-num">{plural(secrets, 'secret')}</span>,
              },
            ]}
          />
        )}
      </Kept>
      <p className="tl-foot tl-panel-note">
        {asked.data === undefined
          ? ''
          : managed
            ? 'The server keeps its key beside its data (secrets.key). A backup of the store is of no use without it.'
            : 'The key comes from the configuration (secrets.key). To rotate, give new and old there, new first, and finish here.'}
      </p>
      <Confirm question={question} onClose={() => setQuestion(undefined)} onDone={() => undefined} />
    </Panel>
  );
}

function RotationLine({ rotation: { rotated, remaining, fault } }: { readonly rotation: Rotation }) {
  const total = rotated + remaining;
  const percent = total === 0 ? 100 : Math.floor((100 * rotated) / total);
  return (
    <div className="tl-rotation" role="status">
      <Progress value={percent} aria-label="Rotation" color={fault === undefined ? 'jade' : 'red'} />
      <span className="tl-num">
        {fault ??
          (remaining > 0
            ? `${percent} %: ${plural(remaining, 'secret')} left`
            : `Done: ${plural(rotated, 'secret')} encrypted anew.`)}
      </span>
    </div>
  );
}

/** Calls until nothing is left, something fails, or nobody looks any more. */
async function rotateAll(
  call: Call,
  tell: (rotation: Rotation) => void,
  goesOn: () => boolean,
): Promise<void> {
  let rotated = 0;
  try {
    while (goesOn()) {
      const step = await call('directory.rotateSecrets', { batch: BATCH });
      rotated += step.rotated;
      tell({ rotated, remaining: step.remaining });
      if (step.remaining === 0) return;
      if (step.rotated === 0) return tell({ rotated, remaining: step.remaining, fault: STUCK });
    }
  } catch (error) {
    tell({ rotated, remaining: 1, fault: faultWords(error) });
  }
}

const STUCK = 'The rest could not be encrypted anew: the log of the server says why.';

function rotationQuestion(unfinished: boolean, run: () => Promise<void>): Question {
  return {
    title: unfinished ? 'Finish the rotation?' : 'Rotate the encryption key?',
    text: unfinished
      ? 'Secrets that are under an old key are encrypted under the current one.'
      : 'The server makes a new key and encrypts the secrets of all orgs under it. All of them stay readable meanwhile. Back up secrets.key afterwards: older backups of the store need the key of before.',
    action: unfinished ? 'Finish' : 'Rotate',
    danger: false,
    run: async () => {
      void run();
      return 'The rotation has begun.';
    },
  };
}

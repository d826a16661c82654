/** What changed in an object while one looked: each version compared with the one before, newest first. */
import { changesBetween, type FieldChange } from '@trunkline/contracts/kube-changes';
import { History } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { formatGlimpse, formatTime } from '../format.js';
import type { KubeObject } from '../kube/live.js';
import { Empty } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';

/** Versions remembered. */
const MAX_KEPT = 100;
/** Fields of one version that are shown. */
const MAX_SHOWN = 6;

export interface SeenChange {
  readonly number: number;
  readonly atMs: number;
  readonly fields: readonly FieldChange[];
}

/** Changes since the object was opened; the object that is there first is none. */
export function useChangeLog(object: KubeObject | undefined): readonly SeenChange[] {
  const before = useRef<KubeObject>(undefined);
  const [seen, setSeen] = useState<readonly SeenChange[]>([]);
  useEffect(() => {
    const last = before.current;
    before.current = object;
    if (last === undefined || object === undefined || last === object) return;
    const fields = changesBetween(last, object);
    if (fields.length === 0) return;
    setSeen((all) =>
      [{ number: (all[0]?.number ?? 0) + 1, atMs: Date.now(), fields }, ...all].slice(0, MAX_KEPT),
    );
  }, [object]);
  return seen;
}

export function ResourceChanges({ changes }: { readonly changes: readonly SeenChange[] }) {
  return (
    <Panel title="Changes since you opened it" flush>
      {changes.length === 0 ? (
        <Empty icon={History} title="Nothing changed yet">
          Every change is listed here as it happens.
        </Empty>
      ) : (
        <ul className="tl-changes" aria-label="Changes, newest first" tabIndex={0}>
          {changes.map(({ number, atMs, fields }) => (
            <li key={number}>
              <span className="tl-num tl-faint">{formatTime(atMs)}</span>
              <ul>
                {fields.slice(0, MAX_SHOWN).map(({ path, before, after }) => (
                  <li key={path}>
                    <code className="tl-break">{path}</code>
                    <span className="tl-change tl-break">
                      <del>{words(before)}</del> <ins>{words(after)}</ins>
                    </span>
                  </li>
                ))}
                {fields.length > MAX_SHOWN && (
                  <li className="tl-faint">and {fields.length - MAX_SHOWN} more</li>
                )}
              </ul>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function words(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? value : formatGlimpse(value, 80);
}

/**
 * The kinds of a cluster, as they come and go: asked for now and then, and at once when a resource definition changed, where its reader may watch those.
 */
import { useKubeList } from '@trunkline/react/kube';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useAsked } from '../asked.js';
import { definitionsText, kindGroups, type KindGroup } from './kinds.js';

const KINDS_MS = 30_000;
/** Servers serve a kind a little after they say that it is established. */
const AGAIN_MS = 3_000;
const DEFINITIONS = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  fields: ['metadata.generation', 'status.conditions'],
};

export function useKinds(cluster: string): readonly KindGroup[] {
  const definitions = useKubeList({ ...DEFINITIONS, cluster });
  const text = useMemo(
    () => (definitions.state === 'live' ? definitionsText(definitions.rows) : undefined),
    [definitions],
  );
  const [changed, setChanged] = useState(false);
  const { data, ask } = useAsked(
    'kube.resources',
    { cluster, ...(changed ? { maxAgeMs: 0 } : {}) },
    KINDS_MS,
    { keep: true },
  );
  const known = useRef<string>(undefined);
  useEffect(() => {
    const before = known.current;
    known.current = text ?? before;
    if (text === undefined || before === undefined || text === before) return undefined;
    setChanged(true);
    ask();
    const timer = setTimeout(ask, AGAIN_MS);
    return () => clearTimeout(timer);
  }, [text, ask]);
  return useMemo(() => kindGroups(data?.resources ?? []), [data]);
}

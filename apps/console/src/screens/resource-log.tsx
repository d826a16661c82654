/** The log of a container: its last lines, and what it prints while one looks. A part that may be missing is said in its place. */
import { Button, NativeSelect } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDownToLine, Search, TriangleAlert } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { plural } from '../format.js';
import { useLog, type KubeObject, type LogEntry } from '../kube/live.js';
import { ContinuityBadge } from '../parts/continuity.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import { SearchField } from '../parts/search-field.js';

const LINE_HEIGHT = 20;
/** How near to its end a log counts as followed, in CSS pixels. */
const NEAR_END = 40;

export function ResourceLog({ cluster, pod }: { readonly cluster: string; readonly pod: KubeObject }) {
  const { name, namespace = '' } = pod.metadata;
  const containers = useMemo(() => containersOf(pod), [pod]);
  const [chosen, setChosen] = useState<string>();
  const container = chosen ?? containers[0] ?? '';
  const [run, setRun] = useState<'this' | 'previous'>('this');
  const [search, setSearch] = useState('');
  const question = useMemo(
    () => ({ cluster, namespace, pod: name, container, previous: run === 'previous' }),
    [cluster, namespace, name, container, run],
  );
  const { entries, ended, continuity } = useLog(container === '' ? null : question);
  const wanted = search.trim().toLowerCase();
  const shown = useMemo(
    () =>
      wanted === ''
        ? entries
        : entries.filter((entry) => entry.kind !== 'line' || entry.text.toLowerCase().includes(wanted)),
    [entries, wanted],
  );
  return (
    <Panel
      title="Log"
      flush
      aside={<ContinuityBadge continuity={continuity} source={`the log of ${container}`} />}
    >
      <div className="tl-log-tools">
        {containers.length > 1 && (
          <NativeSelect
            aria-label="Container"
            size="xs"
            value={container}
            onChange={(event) => setChosen(event.currentTarget.value)}
            data={[...containers]}
          />
        )}
        <NativeSelect
          aria-label="Run"
          size="xs"
          value={run}
          onChange={(event) => setRun(event.currentTarget.value === 'previous' ? 'previous' : 'this')}
          data={[
            { value: 'this', label: 'This run' },
            { value: 'previous', label: 'The run before' },
          ]}
        />
        <SearchField small label="Search the log" value={search} onChange={setSearch} />
      </div>
      {shown.length > 0 ? (
        <Lines key={`${container} ${run}`} entries={shown} ended={ended} />
      ) : continuity.state === 'failed' ? (
        <Failure title="The log cannot be read" reason={continuity.reason} />
      ) : continuity.state === 'connecting' ? (
        <Waiting label="Loading the log" rows={8} reason={continuity.reason} />
      ) : (
        <Empty icon={Search} title={wanted === '' ? 'No lines yet' : 'No line has these words'}>
          {ended ?? ('reason' in continuity && continuity.reason !== '' ? continuity.reason : undefined)}
        </Empty>
      )}
    </Panel>
  );
}

/** Follows its end until it is scrolled away from there. */
function Lines({
  entries,
  ended,
}: {
  readonly entries: readonly LogEntry[];
  readonly ended: string | undefined;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const virtual = useVirtualizer({
    count: entries.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 30,
    getItemKey: (index) => entries[index]?.seq ?? index,
  });
  const height = virtual.getTotalSize();
  const last = useRef(0);
  useEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [following, entries, height]);
  // Lines that turn out to be higher than thought move the end as well: only who scrolls back leaves it.
  const onScroll = ({ scrollTop, scrollHeight, clientHeight }: HTMLElement): void => {
    if (scrollHeight - scrollTop - clientHeight < NEAR_END) setFollowing(true);
    else if (scrollTop < last.current) setFollowing(false);
    last.current = scrollTop;
  };
  return (
    <div className="tl-log-box">
      <div
        className="tl-log"
        ref={box}
        tabIndex={0}
        role="log"
        aria-label="Lines of the log"
        aria-live="off"
        onScroll={(event) => onScroll(event.currentTarget)}
      >
        <div style={{ height }} className="tl-log-lines">
          {virtual.getVirtualItems().map(({ key, index, start }) => {
            const entry = entries[index];
            return (
              entry && (
                <div
                  key={key}
                  ref={virtual.measureElement}
                  data-index={index}
                  className="tl-log-line"
                  style={{ transform: `translateY(${start}px)` }}
                >
                  <Line entry={entry} />
                </div>
              )
            );
          })}
        </div>
      </div>
      {!following && (
        <Button
          size="compact-sm"
          className="tl-log-follow"
          leftSection={<ArrowDownToLine size={14} aria-hidden="true" />}
          onClick={() => setFollowing(true)}
        >
          To the end
        </Button>
      )}
      <p className="tl-log-foot tl-num">
        {plural(entries.length, 'line')}
        {ended !== undefined && `. The log has ended: ${ended}.`}
      </p>
    </div>
  );
}

function Line({ entry }: { readonly entry: LogEntry }) {
  if (entry.kind === 'line')
    return (
      <>
        {entry.time !== undefined && <time dateTime={entry.time}>{clockOf(entry.time)}</time>}
        <span>{entry.text === '' ? ' ' : entry.text}</span>
      </>
    );
  return (
    <span className="tl-log-note">
      <TriangleAlert size={13} aria-hidden="true" />
      Lines may be missing here: {entry.reason}
    </span>
  );
}

/** `14:03:27.041` of an RFC 3339 time, as the cluster says it (UTC). */
function clockOf(time: string): string {
  return time.slice(11, 23);
}

function containersOf(pod: KubeObject): readonly string[] {
  const spec = pod['spec'] as
    | {
        readonly containers?: readonly { name?: string }[];
        readonly initContainers?: readonly { name?: string }[];
      }
    | undefined;
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(({ name }) =>
    name === undefined ? [] : [name],
  );
}

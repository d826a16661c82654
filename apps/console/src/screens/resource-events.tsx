/** What the cluster reported about an object: its Event objects, newest first. */
import { CalendarClock } from 'lucide-react';
import { useMemo } from 'react';
import { formatDuration, plural } from '../format.js';
import { useObjects, type KubeObject } from '../kube/live.js';
import { ContinuityBadge } from '../parts/continuity.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Panel } from '../parts/panel.js';

const MAX_SHOWN = 100;

export function ResourceEvents({
  cluster,
  object: {
    metadata: { uid, namespace },
  },
}: {
  readonly cluster: string;
  readonly object: KubeObject;
}) {
  const question = useMemo(
    () => ({
      cluster,
      group: '',
      version: 'v1',
      resource: 'events',
      namespaces: [namespace ?? 'default'],
      fieldSelector: `involvedObject.uid=${uid}`,
    }),
    [cluster, namespace, uid],
  );
  const { objects, continuity } = useObjects(question);
  const now = useNow();
  const events = useMemo(() => objects.map(toEvent).sort((left, right) => right.atMs - left.atMs), [objects]);
  return (
    <Panel
      title="Events"
      flush
      aside={<ContinuityBadge continuity={continuity} source="the events of this object" />}
    >
      {events.length === 0 ? (
        continuity.state === 'failed' ? (
          <Failure title="The events cannot be read" reason={continuity.reason} />
        ) : continuity.state === 'connecting' ? (
          <Waiting label="Loading the events" rows={4} reason={continuity.reason} />
        ) : (
          <Empty icon={CalendarClock} title="No events">
            Clusters forget events after a while, an hour by default.
          </Empty>
        )
      ) : (
        <ul className="tl-events tl-kube-events" aria-label="Events of the object, newest first" tabIndex={0}>
          {events.slice(0, MAX_SHOWN).map((event) => (
            <li key={event.uid} className="tl-kube-event">
              <span className="tl-mark" data-tone={event.isWarning ? 'wait' : 'off'}>
                <span className="tl-dot tl-still" aria-hidden="true" />
                <b>{event.reason}</b>
              </span>
              <span className="tl-num tl-faint">{formatDuration(now - event.atMs)} ago</span>
              <span className="tl-break">
                {event.message}
                {event.count > 1 && <small className="tl-faint"> {plural(event.count, 'time')}</small>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

interface ShownEvent {
  readonly uid: string;
  readonly reason: string;
  readonly message: string;
  readonly isWarning: boolean;
  readonly count: number;
  readonly atMs: number;
}

function toEvent(event: KubeObject): ShownEvent {
  const { metadata, reason, message, type, count, lastTimestamp, eventTime } = event;
  const at = [lastTimestamp, eventTime, metadata.creationTimestamp].find((time) => typeof time === 'string');
  return {
    uid: metadata.uid,
    reason: typeof reason === 'string' ? reason : '',
    message: typeof message === 'string' ? message : '',
    isWarning: type === 'Warning',
    count: typeof count === 'number' ? count : 1,
    atMs: typeof at === 'string' ? Date.parse(at) : 0,
  };
}

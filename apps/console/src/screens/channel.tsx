/**
 * One channel, opened: its position and options, what is published while we look, who is there, and a form to publish. The subscription is
 * an ordinary one, with the rights of whoever looks; where those do not suffice, history and facts still come over the administrator's methods.
 */
import { Anchor, Button, Group, SegmentedControl } from '@mantine/core';
import { ArrowLeft, Cable, MessageCircleQuestion } from 'lucide-react';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useAsked, type Result } from '../asked.js';
import { useCall, useEntries, useStream, type Received } from '../live.js';
import { Failure, Waiting } from '../parts/notices.js';
import { Page, type PageProps } from '../parts/page.js';
import { toHash } from '../router.js';
import { ChannelSide } from './channel-side.js';
import { ChannelName } from './channels.js';
import { Entries } from './entries.js';
import {
  addHistory,
  appendAll,
  clear,
  EMPTY_LOG,
  LOG_MAX,
  oldestOffset,
  pause,
  type Log,
  type LoggedPublication,
  type LogItem,
} from './log.js';
import { Publications } from './publications.js';
import { keepsHistory } from './words.js';

const REFRESH_MS = 2_000;
const PAGE = 50;
/** A busy channel's publications are shown this often, together. */
const FLUSH_MS = 100;

type Details = Result<'node.channel'>;

/** Mounted anew for every channel. */
export function Channel({ channel }: { readonly channel: string }) {
  const details = useAsked('node.channel', { channel }, REFRESH_MS);
  const [turn, setTurn] = useState(0);
  const frame = {
    title: <ChannelName name={channel} />,
    name: channel,
    back: <Back />,
    source: `channel ${channel}`,
    actions: <Elsewhere channel={channel} />,
  };
  if (details.data === undefined) {
    return (
      <Page {...frame} continuity={details.continuity}>
        <div className="tl-panel">
          {details.error ? (
            <Failure
              title="The channel cannot be opened"
              reason={details.error.message}
              retry={details.ask}
            />
          ) : (
            <Waiting label="Opening the channel" rows={6} />
          )}
        </div>
      </Page>
    );
  }
  const retry = (): void => setTurn(turn + 1);
  const props = { channel, retry, details: details.data, frame };
  // The server admits one kind of subscription per channel.
  return details.data.type === 'stream' ? (
    <StreamChannel key={turn} {...props} />
  ) : (
    <MapChannel key={turn} {...props} />
  );
}

interface ViewProps {
  readonly channel: string;
  readonly details: Details;
  /** Subscribes anew, after a refusal. */
  readonly retry: () => void;
  readonly frame: Pick<PageProps, 'title' | 'name' | 'back' | 'source' | 'actions'>;
}

function StreamChannel({ channel, details, retry, frame }: ViewProps) {
  const call = useCall();
  const [log, setLog] = useState<Log>(EMPTY_LOG);
  const [older, setOlder] = useState<'more' | 'loading' | 'none'>(keepsHistory(details) ? 'more' : 'none');
  const add = useBuffered((items) => setLog((before) => appendAll(before, items)));
  const stream = useStream(
    channel,
    (publication) => add(toLogged(publication)),
    (text, offset, anew) => add({ kind: 'hole', offset, text, anew, timeMs: Date.now() }),
  );

  const loadOlder = (): void => {
    const before = oldestOffset(log);
    setOlder('loading');
    const since = before === undefined ? {} : { since: { epoch: details.position.epoch, offset: before } };
    call('node.history', { channel, limit: PAGE, reverse: true, ...since }).then(
      ({ publications, position }) => {
        const { epoch } = position;
        setLog((current) =>
          addHistory(
            current,
            publications.map((one) => fromHistory(one, epoch)),
          ),
        );
        setOlder(publications.length < PAGE ? 'none' : 'more');
      },
      () => setOlder('none'),
    );
  };
  // The newest page, once, as soon as the subscription is settled: a local channel has no history before it has a reader.
  const settled = stream.continuity.state === 'live' || stream.continuity.state === 'failed';
  useEffect(() => {
    if (settled && older === 'more') loadOlder();
  }, [settled]);

  return (
    <Page {...frame} continuity={stream.continuity}>
      <Columns
        label="Publications"
        list={
          <>
            {stream.continuity.state === 'failed' && (
              <Refused reason={stream.continuity.reason} retry={retry} />
            )}
            <Publications
              log={log}
              onPause={(paused) => setLog((before) => pause(before, paused, Date.now()))}
              onClear={() => setLog(clear)}
              onOlder={older === 'none' ? undefined : loadOlder}
              loadingOlder={older === 'loading'}
              listening={stream.continuity.state !== 'failed'}
            />
          </>
        }
        side={<ChannelSide channel={channel} details={details} held={stream.position} />}
      />
    </Page>
  );
}

function MapChannel({ channel, details, retry, frame }: ViewProps) {
  const map = useEntries(channel);
  return (
    <Page {...frame} continuity={map.continuity}>
      <Columns
        label="Entries"
        list={
          map.continuity.state === 'failed' ? (
            <Refused reason={map.continuity.reason} retry={retry} />
          ) : (
            <Entries
              channel={channel}
              entries={map.entries}
              loading={map.continuity.state === 'connecting'}
              schema={details.promise?.schema}
              writable={details.class === 'live' && details.type === 'map'}
            />
          )
        }
        side={<ChannelSide channel={channel} details={details} held={undefined} />}
      />
    </Page>
  );
}

/** Gives items on in batches: a channel of a thousand publications per second must not draw a thousand times. Bounded as the log is. */
function useBuffered(flush: (items: readonly LogItem[]) => void): (item: LogItem) => void {
  const waiting = useRef<LogItem[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const newest = useRef(flush);
  newest.current = flush;
  useEffect(() => () => clearTimeout(timer.current), []);
  return (item) => {
    // The log keeps no more either way; a paused one must count what it could not hold, so twice as many may wait.
    if (waiting.current.length >= 2 * LOG_MAX) waiting.current.shift();
    waiting.current.push(item);
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      newest.current(waiting.current.splice(0));
    }, FLUSH_MS);
  };
}

function Refused({ reason, retry }: { readonly reason: string; readonly retry: () => void }) {
  return (
    <Failure
      title="Not subscribed"
      reason={`The server answered: ${reason}. A subscription here needs the same rights as any client’s; history and publishing use those of an administrator.`}
      retry={retry}
    />
  );
}

/** List and facts side by side; on narrow screens one of the two, so that neither hides behind the other’s length. */
function Columns({
  list,
  label,
  side,
}: {
  readonly list: ReactNode;
  readonly label: string;
  readonly side: ReactNode;
}) {
  const [pane, setPane] = useState('list');
  return (
    <div className="tl-columns" data-pane={pane}>
      <SegmentedControl
        className="tl-panes"
        aria-label="Part of the channel"
        fullWidth
        value={pane}
        onChange={setPane}
        data={[
          { value: 'list', label },
          { value: 'side', label: label === 'Publications' ? 'Publish and details' : 'Details' },
        ]}
      />
      <div className="tl-main">{list}</div>
      <div className="tl-side">{side}</div>
    </div>
  );
}

/** The same channel seen from its readers. */
function Elsewhere({ channel }: { readonly channel: string }) {
  return (
    <Group gap="xs">
      <Button
        component="a"
        href={toHash({ screen: 'connections', channel })}
        variant="default"
        leftSection={<Cable size={15} aria-hidden="true" />}
      >
        Readers
      </Button>
      <Button
        component="a"
        href={toHash({ screen: 'why', channel })}
        variant="default"
        leftSection={<MessageCircleQuestion size={15} aria-hidden="true" />}
      >
        Why not?
      </Button>
    </Group>
  );
}

function Back() {
  return (
    <Anchor href={toHash({ screen: 'channels' })} size="sm" className="tl-back">
      <ArrowLeft size={14} aria-hidden="true" /> Channels
    </Anchor>
  );
}

function fromHistory(
  { offset, data, binary, tags, timeMs, info }: Result<'node.history'>['publications'][number],
  epoch: string,
): LoggedPublication {
  return {
    kind: 'publication',
    offset,
    epoch,
    data,
    binary,
    tags,
    timeMs,
    publisher: info?.user,
    live: false,
  };
}

function toLogged({ offset, epoch, data, tags, timeMs, info }: Received): LoggedPublication {
  return { kind: 'publication', offset, epoch, data, tags, timeMs, publisher: info?.user, live: true };
}

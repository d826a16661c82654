/**
 * One channel, opened: its position and options, what is published while we look, who is there, and a form to publish. The subscription is
 * an ordinary one, with the rights of whoever looks; where those do not suffice, history and facts still come over the administrator's methods.
 */
import { ActionIcon, Anchor, Button, Group, SegmentedControl } from '@mantine/core';
import { ArrowLeft, Cable, ChevronLeft, ChevronRight, MessageCircleQuestion, UserRound } from 'lucide-react';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useAsked, type Result } from '../asked.js';
import { formatCount, plural } from '../format.js';
import { useCall, useEntries, useStream, type Received } from '../live.js';
import { Facts, type Fact } from '../parts/facts.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Page, type PageProps } from '../parts/page.js';
import { Panel } from '../parts/panel.js';
import { SchemaView } from '../parts/schema-view.js';
import { toHash } from '../router.js';
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
import { namespaceTitle } from './namespace-words.js';
import { Publications } from './publications.js';
import { PublishForm } from './publish-form.js';
import { historyWords, keepsHistory, slowReaderWords } from './words.js';

const REFRESH_MS = 2_000;
const PRESENCE_MS = 4_000;
const PAGE = 50;
const PRESENT_PAGE = 50;
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
        side={<Side channel={channel} details={details} held={stream.position} />}
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
        side={<Side channel={channel} details={details} held={undefined} />}
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

type Position = Details['position'];

function Side({
  channel,
  details,
  held,
}: {
  readonly channel: string;
  readonly details: Details;
  readonly held: Position | undefined;
}) {
  const keyed = details.type !== 'stream';
  const { promise } = details;
  // What was asked for two seconds ago may be behind what arrived since.
  const top =
    held !== undefined && held.epoch === details.position.epoch && held.offset > details.position.offset
      ? held
      : details.position;
  const position: Fact[] = [
    [
      'Offset',
      <span className="tl-num">
        {details.position.epoch === '' ? 'not numbered' : formatCount(top.offset)}
      </span>,
    ],
    ...(keyed ? [] : [receivedHere(top, held)]),
    ['Epoch', <code>{details.position.epoch === '' ? '–' : details.position.epoch}</code>],
    ['Readers', <span className="tl-num">{formatCount(details.subscribers)}</span>],
  ];
  const options: Fact[] = [
    [
      'Namespace',
      <Anchor href={toHash({ screen: 'namespaces' })} size="sm">
        {namespaceTitle(details.namespace)}
      </Anchor>,
    ],
    ['Class', details.class],
    ['Type', details.type],
    ['History', historyWords(details)],
    ['Slow readers', slowReaderWords(details.overflow)],
    ['Presence', details.presence ? 'kept' : 'not kept'],
  ];
  return (
    <>
      <Panel title="Position">
        <Facts facts={position} columns={1} />
      </Panel>
      {details.class === 'live' && !keyed && (
        <Panel title="Publish">
          <PublishForm channel={channel} schema={promise?.schema} />
        </Panel>
      )}
      {details.presence && <Presence channel={channel} />}
      <Panel title="Options">
        <Facts facts={options} columns={1} />
      </Panel>
      {promise && <SchemaView {...promise} />}
    </>
  );
}

function receivedHere(top: Position, held: Position | undefined): Fact {
  return [
    'Received here',
    <span className="tl-num">
      {held === undefined ? '–' : `${formatCount(held.offset)}${behindBy(top, held)}`}
    </span>,
  ];
}

function behindBy(top: Position, held: Position): string {
  if (top.epoch !== held.epoch || held.offset >= top.offset) return '';
  return ` (${formatCount(top.offset - held.offset)} to come)`;
}

function Presence({ channel }: { readonly channel: string }) {
  const [offset, setOffset] = useState(0);
  const { data, error, ask } = useAsked(
    'node.presence',
    { channel, limit: PRESENT_PAGE, offset },
    PRESENCE_MS,
    { keep: true },
  );
  const clients = data?.clients ?? [];
  return (
    <Panel title={data ? `Present (${presentWords(data)})` : 'Present'} flush>
      {data === undefined ? (
        error ? (
          <Failure title="Presence cannot be read" reason={error.message} retry={ask} />
        ) : (
          <Waiting label="Loading presence" rows={3} />
        )
      ) : clients.length === 0 ? (
        <Empty icon={UserRound} title="Nobody is here" />
      ) : (
        <ul className="tl-people" tabIndex={0} aria-label="Clients present">
          {clients.map((one) => (
            <li key={one.client}>
              <span>{one.user === '' ? 'anonymous' : one.user}</span>
              <Anchor
                href={toHash({ screen: 'connections', client: one.client })}
                size="xs"
                className="tl-mono"
              >
                {one.client.slice(0, 8)}
              </Anchor>
            </li>
          ))}
        </ul>
      )}
      {data !== undefined && data.total > PRESENT_PAGE && (
        <Group justify="flex-end" gap="xs" p="xs" className="tl-panel-foot">
          <ActionIcon
            variant="default"
            aria-label="Clients before"
            disabled={offset === 0}
            onClick={() => setOffset(Math.max(0, offset - PRESENT_PAGE))}
          >
            <ChevronLeft size={16} aria-hidden="true" />
          </ActionIcon>
          <ActionIcon
            variant="default"
            aria-label="Clients after"
            disabled={offset + PRESENT_PAGE >= data.total}
            onClick={() => setOffset(offset + PRESENT_PAGE)}
          >
            <ChevronRight size={16} aria-hidden="true" />
          </ActionIcon>
        </Group>
      )}
    </Panel>
  );
}

function presentWords({ total, users }: Result<'node.presence'>): string {
  return users === 0 || users === total
    ? formatCount(total)
    : `${formatCount(total)}, ${plural(users, 'user')}`;
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

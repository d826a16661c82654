/**
 * One channel, opened: its position and options, what is published while we look, who is there, and a form to publish. The subscription is
 * an ordinary one, with the rights of whoever looks; where those do not suffice, history and facts still come over the administrator's methods.
 */
import { Anchor, SegmentedControl } from '@mantine/core';
import { ArrowLeft, UserRound } from 'lucide-react';
import { useEffect, useState, type ReactNode } from 'react';
import { useAsked, type Result } from '../asked.js';
import { formatCount } from '../format.js';
import { useCall, useEntries, useStream, type Received } from '../live.js';
import { Facts, type Fact } from '../parts/facts.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Page, type PageProps } from '../parts/page.js';
import { Panel } from '../parts/panel.js';
import { toHash } from '../router.js';
import { ChannelName } from './channels.js';
import { Entries } from './entries.js';
import {
  addHistory,
  append,
  clear,
  EMPTY_LOG,
  oldestOffset,
  pause,
  type Log,
  type LoggedPublication,
} from './log.js';
import { Publications } from './publications.js';
import { PublishForm } from './publish-form.js';
import { historyWords, keepsHistory, slowReaderWords } from './words.js';

const REFRESH_MS = 2_000;
const PRESENCE_MS = 4_000;
const PAGE = 50;

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
  readonly frame: Pick<PageProps, 'title' | 'name' | 'back' | 'source'>;
}

function StreamChannel({ channel, details, retry, frame }: ViewProps) {
  const call = useCall();
  const [log, setLog] = useState<Log>(EMPTY_LOG);
  const [older, setOlder] = useState<'more' | 'loading' | 'none'>(keepsHistory(details) ? 'more' : 'none');
  const stream = useStream(
    channel,
    (publication) => setLog((before) => append(before, toLogged(publication))),
    (text, offset, anew) =>
      setLog((before) => append(before, { kind: 'hole', offset, text, anew, timeMs: Date.now() })),
  );

  const loadOlder = (): void => {
    const before = oldestOffset(log);
    setOlder('loading');
    const since = before === undefined ? {} : { since: { epoch: details.position.epoch, offset: before } };
    call('node.history', { channel, limit: PAGE, reverse: true, ...since }).then(
      ({ publications }) => {
        setLog((current) => addHistory(current, publications.map(fromHistory)));
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
              onPause={(paused) => setLog((before) => pause(before, paused))}
              onClear={() => setLog(clear)}
              onOlder={older === 'none' ? undefined : loadOlder}
              loadingOlder={older === 'loading'}
              listening={stream.continuity.state !== 'failed'}
            />
          </>
        }
        side={<Side channel={channel} details={details} held={stream.position} keyed={false} />}
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
            <Entries entries={map.entries} loading={map.continuity.state === 'connecting'} />
          )
        }
        side={<Side channel={channel} details={details} held={undefined} keyed />}
      />
    </Page>
  );
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
          { value: 'side', label: 'Publish and details' },
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
  keyed,
}: {
  readonly channel: string;
  readonly details: Details;
  readonly held: Position | undefined;
  readonly keyed: boolean;
}) {
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
    ['Namespace', details.namespace === '' ? 'default' : details.namespace],
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
      {details.class !== 'local' && (
        <Panel title="Publish">
          <PublishForm channel={channel} keyed={keyed} />
        </Panel>
      )}
      {details.presence && <Presence channel={channel} />}
      <Panel title="Options">
        <Facts facts={options} columns={1} />
      </Panel>
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
  const { data, error, ask } = useAsked('node.presence', { channel }, PRESENCE_MS);
  const clients = data?.clients ?? [];
  return (
    <Panel title={data ? `Present (${clients.length})` : 'Present'} flush>
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
    </Panel>
  );
}

function Back() {
  return (
    <Anchor href={toHash({ screen: 'channels' })} size="sm" className="tl-back">
      <ArrowLeft size={14} aria-hidden="true" /> Channels
    </Anchor>
  );
}

function fromHistory({
  offset,
  data,
  binary,
  tags,
  timeMs,
  info,
}: Result<'node.history'>['publications'][number]): LoggedPublication {
  return { kind: 'publication', offset, data, binary, tags, timeMs, publisher: info?.user, live: false };
}

function toLogged({ offset, data, tags, timeMs, info }: Received): LoggedPublication {
  return { kind: 'publication', offset, data, tags, timeMs, publisher: info?.user, live: true };
}

/** What stands beside a channel's publications or entries: where it is, the form to publish, who is there, its rules and its schema. */
import { ActionIcon, Anchor, Group } from '@mantine/core';
import { ChevronLeft, ChevronRight, UserRound } from 'lucide-react';
import { useState } from 'react';
import { useAsked, type Result } from '../asked.js';
import { formatCount, plural } from '../format.js';
import { Facts, type Fact } from '../parts/facts.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import { SchemaView } from '../parts/schema-view.js';
import { toHash } from '../router.js';
import { namespaceTitle } from './namespace-words.js';
import { PublishForm } from './publish-form.js';
import { historyWords, slowReaderWords } from './words.js';

const PRESENCE_MS = 4_000;
const PRESENT_PAGE = 50;

type Details = Result<'node.channel'>;
type Position = Details['position'];

export function ChannelSide({
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

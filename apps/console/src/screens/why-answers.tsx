/** The answer to "why did they not get it": one conclusion per connection with the numbers it rests on, the channel, and what happened lately. */
import { Anchor, SimpleGrid } from '@mantine/core';
import { ArrowRight, ListTree } from 'lucide-react';
import { formatBytes, formatCount, formatDateTime, plural } from '../format.js';
import { Facts, type Fact } from '../parts/facts.js';
import { Empty } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import { toHash } from '../router.js';
import { adviceFor } from './advice.js';
import { DeliveryMark } from './delivery.js';
import type { Answer, Explained } from './diagnosis.js';
import { EventList } from './event-list.js';
import { namespaceTitle } from './namespace-words.js';
import { Verdict } from './verdict.js';

export function Answers({
  answers,
  channel,
  explained,
}: {
  readonly answers: readonly Answer[];
  readonly channel: string;
  readonly explained: Explained;
}) {
  return (
    <div className="tl-columns tl-columns-even">
      <div className="tl-main">
        {answers.map((answer) => (
          <AnswerPanel
            key={answer.connection?.client ?? ''}
            answer={answer}
            channel={channel}
            explained={explained}
          />
        ))}
        {explained.total > explained.connections.length && (
          <p className="tl-foot tl-num">
            The newest {formatCount(explained.connections.length)} of {plural(explained.total, 'connection')};
            ask by client id for another.
          </p>
        )}
      </div>
      <div className="tl-main">
        <Panel title="Channel">
          <Facts columns={1} facts={channelFacts(channel, explained)} />
        </Panel>
        <Panel title="What happened lately" flush>
          {explained.events.length === 0 ? (
            <Empty icon={ListTree} title="No event is remembered">
              Refusals, losses, cuts and disconnects are kept for a while, a bounded number per org.
            </Empty>
          ) : (
            <EventList events={explained.events} whose={false} />
          )}
        </Panel>
      </div>
    </div>
  );
}

function AnswerPanel({
  answer: { connection, diagnosis },
  channel,
  explained,
}: {
  readonly answer: Answer;
  readonly channel: string;
  readonly explained: Explained;
}) {
  const subscription = connection?.subscription;
  const concerning = explained.events.filter(
    (event) => connection === undefined || event.client === connection.client,
  );
  const advice = diagnosis.tone === 'bad' ? adviceFor(concerning) : undefined;
  return (
    <Panel
      title={connection === undefined ? 'No connection' : `Connection ${connection.client.slice(0, 8)}`}
      aside={
        connection && (
          <Anchor
            href={toHash({ screen: 'connections', client: connection.client, channel })}
            size="sm"
            className="tl-more"
          >
            Open <ArrowRight size={14} aria-hidden="true" />
          </Anchor>
        )
      }
    >
      <Verdict diagnosis={diagnosis} />
      {advice !== undefined && (
        <p className="tl-hint">
          <b>What to do:</b> {advice}
        </p>
      )}
      {connection && (
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xl" mt="md" verticalSpacing={9}>
          <Facts
            columns={1}
            facts={[
              ['User', connection.user === '' ? 'anonymous' : connection.user],
              ['SDK', connection.name === '' ? 'not said' : `${connection.name} ${connection.version}`],
              ['Connected', formatDateTime(connection.connectedAtMs)],
              [
                'Outbox',
                <span className="tl-num">
                  {connection.outboxBytes === 0
                    ? 'empty'
                    : `${plural(connection.outboxMessages, 'message')}, ${formatBytes(connection.outboxBytes)}`}
                </span>,
              ],
            ]}
          />
          <Facts
            columns={1}
            facts={
              subscription === undefined
                ? [['Subscriptions', <span className="tl-num">{formatCount(connection.subscriptions)}</span>]]
                : [
                    ['Delivery', <DeliveryMark delivery={subscription.delivery} />],
                    ['Handed over up to', <PositionText position={subscription.position} />],
                    [
                      'Behind the channel by',
                      <span className="tl-num">
                        {behindWords(subscription.position, explained.channel?.position)}
                      </span>,
                    ],
                    ['Dropped so far', <span className="tl-num">{formatCount(subscription.dropped)}</span>],
                  ]
            }
          />
        </SimpleGrid>
      )}
    </Panel>
  );
}

interface Position {
  readonly epoch: string;
  readonly offset: number;
}

function PositionText({ position: { epoch, offset } }: { readonly position: Position }) {
  if (epoch === '') return <>not numbered</>;
  return (
    <span className="tl-num">
      {formatCount(offset)} <code className="tl-faint">{epoch}</code>
    </span>
  );
}

function behindWords(held: Position, top: Position | undefined): string {
  if (top === undefined || top.epoch === '' || held.epoch === '') return '–';
  if (top.epoch !== held.epoch) return 'another epoch';
  return formatCount(Math.max(0, top.offset - held.offset));
}

function channelFacts(
  channel: string,
  { channel: details, namespace, publication, insecure }: Explained,
): Fact[] {
  const audience = namespace?.allowSubscribe ?? [];
  return [
    [
      'Name',
      <Anchor href={toHash({ screen: 'channel', channel })} size="sm" className="tl-break">
        {channel}
      </Anchor>,
    ],
    ['Namespace', namespace === undefined ? 'none covers this name' : namespaceTitle(namespace.name)],
    [
      'May subscribe',
      insecure ? 'everybody (insecure)' : audience.length === 0 ? 'by token only' : audience.join(', '),
    ],
    ['Newest', details === undefined ? '–' : <PositionText position={details.position} />],
    [
      'Readers here',
      details === undefined ? '–' : <span className="tl-num">{formatCount(details.subscribers)}</span>,
    ],
    ...(publication?.timeMs === undefined
      ? []
      : [[`Offset ${formatCount(publication.offset)}`, formatDateTime(publication.timeMs)] as const]),
  ];
}

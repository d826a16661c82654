/**
 * Why somebody did not get a message: a channel, a user or client, perhaps an offset, and for each of their connections a conclusion with its
 * reasons, the numbers it rests on, and what happened lately. The question stands in the address, so that an answer can be passed on.
 */
import { Anchor, Autocomplete, NumberInput, SegmentedControl, SimpleGrid, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { ArrowRight, ListTree, MessageCircleQuestion } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useAsked } from '../asked.js';
import { formatBytes, formatCount, formatDateTime, plural } from '../format.js';
import { Facts, type Fact } from '../parts/facts.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { Panel } from '../parts/panel.js';
import { replace, toHash, type Route } from '../router.js';
import { DeliveryMark } from './delivery.js';
import { answersOf, type Answer, type Explained } from './diagnosis.js';
import { EventList } from './event-list.js';
import { adviceFor } from './advice.js';
import { namespaceTitle } from './namespace-words.js';
import { Verdict } from './verdict.js';

const REFRESH_MS = 2_000;
const PAUSE_MS = 350;
const SUGGESTED = 20;

type WhyRoute = Extract<Route, { screen: 'why' }>;
type By = 'user' | 'client';

export function Why({ route }: { readonly route: WhyRoute }) {
  const [channel, setChannel] = useState(route.channel ?? '');
  const [by, setBy] = useState<By>(byOf(route));
  const [who, setWho] = useState(route.user ?? route.client ?? '');
  const [offset, setOffset] = useState<number | string>(route.offset ?? '');
  const [asked] = useDebouncedValue({ channel: channel.trim(), by, who: who.trim(), offset }, PAUSE_MS);
  const number = typeof asked.offset === 'number' && asked.offset > 0 ? asked.offset : undefined;
  const written = useRef(toHash(route));
  useEffect(() => {
    const next: WhyRoute = {
      screen: 'why',
      ...(asked.channel !== '' && { channel: asked.channel }),
      ...(asked.who !== '' && { [asked.by]: asked.who }),
      ...(number !== undefined && { offset: number }),
    };
    if (toHash(next) === written.current) return;
    written.current = toHash(next);
    replace(next);
  }, [asked.channel, asked.by, asked.who, number]);
  // Led here again, by a link or the browser's own way back: the form follows the address.
  useEffect(() => {
    if (toHash(route) === written.current) return;
    written.current = toHash(route);
    setChannel(route.channel ?? '');
    setBy(byOf(route));
    setWho(route.user ?? route.client ?? '');
    setOffset(route.offset ?? '');
  }, [route]);
  const complete = asked.channel !== '' && asked.who !== '';
  const { data, error, continuity, ask } = useAsked(
    'node.explain',
    complete
      ? { channel: asked.channel, [asked.by]: asked.who, ...(number !== undefined && { offset: number }) }
      : null,
    REFRESH_MS,
  );
  return (
    <Page
      title="Why did they not get it?"
      name="Why not?"
      continuity={continuity}
      source={`node.explain, every ${REFRESH_MS / 1_000} s`}
      lead="Name a channel and a user or client of this org. The answer claims only what this node’s state and its recent events show."
    >
      <div className="tl-panel tl-question">
        <ChannelField value={channel} onChange={setChannel} />
        <div className="tl-who">
          <span className="tl-label" aria-hidden="true">
            Who
          </span>
          <div>
            <SegmentedControl
              aria-label="Known by"
              value={by}
              onChange={(next) => setBy(next as By)}
              data={[
                { value: 'user', label: 'User' },
                { value: 'client', label: 'Client id' },
              ]}
            />
            <TextInput
              className="tl-grow"
              aria-label={by === 'user' ? 'User' : 'Client id'}
              placeholder={by === 'user' ? 'e.g. ada' : 'e.g. 4f1c…'}
              value={who}
              onChange={(event) => setWho(event.currentTarget.value)}
              spellCheck={false}
              autoCapitalize="none"
            />
          </div>
        </div>
        <NumberInput
          label="Offset"
          placeholder="any"
          min={1}
          allowDecimal={false}
          hideControls
          value={offset}
          onChange={setOffset}
          className="tl-offset-field"
        />
      </div>
      {!complete ? (
        <div className="tl-panel">
          <Empty icon={MessageCircleQuestion} title="Ask about one channel and one person">
            The answer is one of: not connected, not subscribed, denied, dropped with a gap, behind, cut off,
            disconnected, handed over, or not published yet. With the offset of a publication it speaks of
            exactly that one.
          </Empty>
        </div>
      ) : data === undefined ? (
        <div className="tl-panel">
          {error ? (
            <Failure title="The question was not answered" reason={error.message} retry={ask} />
          ) : (
            <Waiting label="Gathering what the node knows" rows={5} />
          )}
        </div>
      ) : (
        <Answers
          answers={answersOf(
            `${asked.by === 'user' ? 'User' : 'Client'} ${asked.who}`,
            asked.channel,
            number,
            data,
          )}
          channel={asked.channel}
          explained={data}
        />
      )}
    </Page>
  );
}

function byOf(route: WhyRoute): By {
  return route.client !== undefined && route.user === undefined ? 'client' : 'user';
}

function ChannelField({
  value,
  onChange,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const [typed] = useDebouncedValue(value.trim(), PAUSE_MS);
  const { data } = useAsked('node.channels', { pattern: `*${typed}*`, limit: SUGGESTED }, 0);
  return (
    <Autocomplete
      className="tl-grow"
      label="Channel"
      placeholder="e.g. chat:lobby"
      value={value}
      onChange={onChange}
      data={data?.channels.map((one) => one.channel) ?? []}
      limit={SUGGESTED}
      spellCheck={false}
      autoCapitalize="none"
    />
  );
}

function Answers({
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

/**
 * Why somebody did not get a message: a channel, a user or client, perhaps an offset, and for each of their connections a conclusion with its
 * reasons, the numbers it rests on, and what happened lately. The question stands in the address, so that an answer can be passed on.
 */
import { Autocomplete, NumberInput, SegmentedControl, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { MessageCircleQuestion } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useAsked } from '../asked.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { replace, toHash, type Route } from '../router.js';
import { answersOf } from './diagnosis.js';
import { Answers } from './why-answers.js';

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
      lead="Name a channel and a user or client of this org. The answer claims only what the nodes’ state and their recent events show."
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

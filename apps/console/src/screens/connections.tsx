/** Who is connected, at whatever node, a page at a time, newest first, narrowed by any part of a name, by channel and by state. */
import { ActionIcon, Group, SegmentedControl, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { ChevronLeft, ChevronRight, PlugZap, Radio } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useAsked, type Params } from '../asked.js';
import { formatCount } from '../format.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { SearchField } from '../parts/search-field.js';
import { navigate } from '../router.js';
import { ConnectionDrawer } from './connection-drawer.js';
import { ConnectionList } from './connection-list.js';

const REFRESH_MS = 2_500;
const PAGE = 200;
const PAUSE_MS = 250;

type State = NonNullable<Params<'node.connections'>['state']>;

const STATES: readonly { readonly value: State | 'all'; readonly label: string }[] = [
  { value: 'all', label: 'All' },
  { value: 'behind', label: 'Behind' },
  { value: 'waiting', label: 'Waiting' },
  { value: 'dropped', label: 'Dropped' },
];

export interface ConnectionsProps {
  /** The one that is opened. */
  readonly client?: string | undefined;
  /** Only readers of this channel. */
  readonly channel?: string | undefined;
}

export function Connections({ client, channel: given }: ConnectionsProps) {
  const [search, setSearch] = useState('');
  const [channel, setChannel] = useState(given ?? '');
  const [state, setState] = useState<State | 'all'>('all');
  const [offset, setOffset] = useState(0);
  const [[text, of]] = useDebouncedValue([search.trim(), channel.trim()] as const, PAUSE_MS);
  const info = useAsked('node.info', {}, 0);
  // Led here for one channel: nothing left over from before hides its readers.
  useEffect(() => {
    setChannel(given ?? '');
    if (given === undefined) return;
    setSearch('');
    setState('all');
  }, [given]);
  useEffect(() => setOffset(0), [text, of, state]);
  const { data, error, continuity, ask } = useAsked(
    'node.connections',
    {
      limit: PAGE,
      offset,
      ...(text !== '' && { search: text }),
      ...(of !== '' && { channel: of }),
      ...(state !== 'all' && { state }),
    },
    REFRESH_MS,
    { keep: true },
  );
  const narrowed = text !== '' || of !== '' || state !== 'all';
  const close = (): void =>
    navigate({ screen: 'connections', ...(given !== undefined && { channel: given }) });
  return (
    <Page
      title="Connections"
      name="Connections"
      continuity={continuity}
      source={`node.connections, every ${REFRESH_MS / 1_000} s`}
      lead="Open connections of all nodes, newest first. Open one to see its subscriptions, and why a message did not arrive."
    >
      <div className="tl-toolbar">
        <SearchField
          label="Search user, client id, address, SDK"
          placeholder="User, client id, address, SDK"
          value={search}
          onChange={setSearch}
        />
        <TextInput
          className="tl-grow"
          aria-label="Only readers of a channel"
          placeholder="Reads a channel, e.g. chat:*"
          leftSection={<Radio size={16} aria-hidden="true" />}
          value={channel}
          onChange={(event) => setChannel(event.currentTarget.value)}
          spellCheck={false}
          autoCapitalize="none"
        />
        <SegmentedControl
          aria-label="State"
          value={state}
          onChange={(next) => setState(next as State | 'all')}
          data={[...STATES]}
        />
      </div>
      <div className="tl-panel">
        {data === undefined ? (
          error ? (
            <Failure title="The connections cannot be listed" reason={error.message} retry={ask} />
          ) : (
            <Waiting label="Loading connections" rows={7} />
          )
        ) : data.connections.length === 0 ? (
          <Empty icon={PlugZap} title={narrowed ? 'No connection matches' : 'No connections'}>
            {narrowed
              ? emptyWords(state, data.complete)
              : 'Connections appear here as they open. This page itself has one.'}
          </Empty>
        ) : (
          <ConnectionList
            rows={data.connections}
            channel={given}
            outboxMaxBytes={info.data?.limits['outboxMaxBytes']}
          />
        )}
      </div>
      {data?.incomplete !== undefined && data.incomplete.length > 0 && (
        <p className="tl-foot" role="status">
          Not all nodes answered; missing: {data.incomplete.join(', ')}.
        </p>
      )}
      {data && <Pager offset={offset} total={data.total} complete={data.complete} onMove={setOffset} />}
      <ConnectionDrawer
        client={client}
        channel={given}
        limits={info.data?.limits}
        onClose={close}
        onChanged={ask}
      />
    </Page>
  );
}

function emptyWords(state: State | 'all', complete: boolean): string {
  const bound = complete
    ? ''
    : ' Only the newest connections were searched: the org has more than one search looks at.';
  const words: Readonly<Record<State | 'all', string>> = {
    all: 'Any part of a name counts; a channel is compared whole, with * for any run.',
    behind: 'Every reader keeps up.',
    waiting: 'Every outbox is empty: all was handed to the network.',
    dropped: 'Nothing was dropped or replaced for any of these readers.',
  };
  return `${words[state]}${bound}`;
}

function Pager({
  offset,
  total,
  complete,
  onMove,
}: {
  readonly offset: number;
  readonly total: number;
  readonly complete: boolean;
  readonly onMove: (offset: number) => void;
}) {
  const last = Math.min(offset + PAGE, total);
  return (
    <Group justify="space-between" wrap="nowrap" className="tl-pager">
      <span className="tl-foot tl-num">
        {total === 0
          ? 'none'
          : `${formatCount(Math.min(offset + 1, total))}–${formatCount(last)} of ${formatCount(total)}`}
        {!complete && ' among the newest; the org has more than one search looks at'}
      </span>
      {total > PAGE && (
        <Group gap="xs" wrap="nowrap">
          <ActionIcon
            variant="default"
            size="lg"
            aria-label="Newer connections"
            disabled={offset === 0}
            onClick={() => onMove(Math.max(0, offset - PAGE))}
          >
            <ChevronLeft size={16} aria-hidden="true" />
          </ActionIcon>
          <ActionIcon
            variant="default"
            size="lg"
            aria-label="Older connections"
            disabled={offset + PAGE >= total}
            onClick={() => onMove(offset + PAGE)}
          >
            <ChevronRight size={16} aria-hidden="true" />
          </ActionIcon>
        </Group>
      )}
    </Group>
  );
}

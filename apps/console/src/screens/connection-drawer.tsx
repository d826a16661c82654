/**
 * One connection: who it is, what waits for it, what it reads and how that goes, and the answer to "why did this client not get a message".
 * Actions that end something ask first.
 */
import type { ConnectionRow } from '@trunkline/contracts/node';
import { Button, Group, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { PlugZap, Unplug } from 'lucide-react';
import { useRef, useState } from 'react';
import { useAsked, type Result } from '../asked.js';
import { formatBytes, formatDateTime, plural } from '../format.js';
import { Confirm, type Question } from '../parts/confirm.js';
import { ContinuityBadge } from '../parts/continuity.js';
import { Facts } from '../parts/facts.js';
import { Meter } from '../parts/meter.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import { SideSheet } from '../parts/sheet.js';
import { disconnect, reconnect, unsubscribe } from './connection-questions.js';
import { ConnectionWhy } from './connection-why.js';
import { SubscriptionList } from './subscription-list.js';

const REFRESH_MS = 1_500;
const PAGE = 50;
const PAUSE_MS = 300;

type Limits = Result<'node.info'>['limits'];

export interface ConnectionDrawerProps {
  /** Undefined: closed. */
  readonly client: string | undefined;
  /** The channel asked about at first. */
  readonly channel?: string | undefined;
  readonly limits: Limits | undefined;
  readonly onClose: () => void;
  /** Something was ended. */
  readonly onChanged: () => void;
}

export function ConnectionDrawer({ client, onClose, ...rest }: ConnectionDrawerProps) {
  return (
    <SideSheet title={client && `Connection ${client.slice(0, 8)}`} width={600} onClose={onClose}>
      {client !== undefined && <Details key={client} client={client} onClose={onClose} {...rest} />}
    </SideSheet>
  );
}

function Details({
  client,
  channel: first = '',
  limits,
  onClose,
  onChanged,
}: ConnectionDrawerProps & { readonly client: string }) {
  const [search, setSearch] = useState('');
  const [offset, setOffset] = useState(0);
  const [text] = useDebouncedValue(search.trim(), PAUSE_MS);
  const { data, error, continuity, ask } = useAsked(
    'node.connection',
    { client, limit: PAGE, offset, ...(text !== '' && { search: text }) },
    REFRESH_MS,
    { keep: true },
  );
  const [question, setQuestion] = useState<Question>();
  const [channel, setChannel] = useState(first);
  const why = useRef<HTMLDivElement>(null);
  if (data === undefined)
    return error ? (
      <Failure title="The connection cannot be read" reason={error.message} retry={ask} />
    ) : (
      <Waiting label="Loading the connection" rows={6} />
    );
  const { connection } = data;
  if (!connection) {
    return (
      <Empty icon={Unplug} title="This connection is gone">
        It closed, or it is on another node. A client that comes back has a new id.
      </Empty>
    );
  }
  const ended = (): void => {
    ask();
    onChanged();
  };
  const explain = (name: string): void => {
    setChannel(name);
    why.current?.scrollIntoView({ block: 'start' });
    why.current?.querySelector('input')?.focus({ preventScroll: true });
  };
  const user = connection.user === '' ? 'anonymous' : connection.user;
  return (
    <Stack gap="md" pb="xl">
      <Group justify="space-between">
        <ContinuityBadge continuity={continuity} source={`this connection, every ${REFRESH_MS / 1_000} s`} />
        <Group gap="xs">
          <Button
            variant="default"
            size="xs"
            leftSection={<PlugZap size={14} aria-hidden="true" />}
            onClick={() => setQuestion(reconnect(client, user))}
          >
            Reconnect
          </Button>
          <Button
            color="red"
            variant="light"
            size="xs"
            className="tl-danger"
            leftSection={<Unplug size={14} aria-hidden="true" />}
            onClick={() => setQuestion(disconnect(client, user))}
          >
            Disconnect
          </Button>
        </Group>
      </Group>
      <Client connection={connection} user={user} />
      <Outbox connection={connection} limits={limits} />
      <div ref={why} className="tl-anchor">
        <ConnectionWhy client={client} user={user} channel={channel} onChannel={setChannel} />
      </div>
      <SubscriptionList
        connection={connection}
        subscriptions={data.subscriptions}
        total={data.total}
        search={search}
        onSearch={(next) => (setSearch(next), setOffset(0))}
        offset={offset}
        page={PAGE}
        onMove={setOffset}
        onExplain={explain}
        onUnsubscribe={(name) => setQuestion(unsubscribe(client, user, name))}
      />
      <Confirm
        question={question}
        onClose={() => setQuestion(undefined)}
        onDone={question?.gone === true ? () => (onChanged(), onClose()) : ended}
      />
    </Stack>
  );
}

function Client({ connection, user }: { readonly connection: ConnectionRow; readonly user: string }) {
  return (
    <Panel title="Client">
      <Facts
        facts={[
          ['User', user],
          ['Org', connection.org],
          ['Client id', <code className="tl-break">{connection.client}</code>],
          ['Address', <code>{connection.remoteAddress}</code>],
          ['Transport', `${connection.transport}, ${connection.codec}`],
          ['SDK', connection.name === '' ? 'not said' : `${connection.name} ${connection.version}`],
          ['Connected', formatDateTime(connection.connectedAtMs)],
          [
            'Extensions',
            connection.extensions.length === 0 ? 'none (stock client)' : connection.extensions.join(', '),
          ],
        ]}
      />
    </Panel>
  );
}

function Outbox({
  connection: { outboxMessages, outboxBytes, behind, dropped },
  limits,
}: {
  readonly connection: ConnectionRow;
  readonly limits: Limits | undefined;
}) {
  const most = (value: number | null | undefined, words: (value: number) => string): string =>
    typeof value === 'number' ? ` of ${words(value)}` : '';
  return (
    <Panel title="Outbox">
      <div className="tl-meters">
        <Meter value={outboxMessages} max={limits?.['outboxMaxMessages']}>
          {`${plural(outboxMessages, 'message')}${most(limits?.['outboxMaxMessages'], String)}`}
        </Meter>
        <Meter value={outboxBytes} max={limits?.['outboxMaxBytes']}>
          {`${formatBytes(outboxBytes)}${most(limits?.['outboxMaxBytes'], formatBytes)}`}
        </Meter>
      </div>
      <Text size="sm" c="dimmed" mt="xs">
        {outboxMessages === 0 && outboxBytes === 0
          ? 'Nothing waits: all was handed to the network.'
          : 'These wait until the client reads; when the outbox is full, each channel’s rule for slow readers applies.'}
        {behind > 0 && ` ${plural(behind, 'subscription')} behind.`}
        {dropped > 0 && ` ${plural(dropped, 'publication')} dropped or replaced so far.`}
      </Text>
    </Panel>
  );
}

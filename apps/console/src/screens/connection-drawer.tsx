/**
 * One connection: who it is, what it reads and how that goes, and the answer to "why did this client not get a message". Actions that
 * end something ask first.
 */
import type { ConnectionSummary } from '@trunkline/contracts/node';
import { Anchor, Autocomplete, Button, Drawer, Group, NumberInput, Stack, Text } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { CircleCheck, CircleX, Clock, PlugZap, Unplug } from 'lucide-react';
import { useState } from 'react';
import { useAsked } from '../asked.js';
import { formatBytes, formatCount, formatDateTime, plural } from '../format.js';
import { Confirm, type Question } from '../parts/confirm.js';
import { ContinuityBadge } from '../parts/continuity.js';
import { Facts } from '../parts/facts.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import { SheetHead } from '../parts/sheet.js';
import { toHash } from '../router.js';
import { DeliveryMark } from './delivery.js';
import { diagnose, namespaceFor } from './diagnosis.js';

const REFRESH_MS = 1_500;

export interface ConnectionDrawerProps {
  /** Undefined: closed. */
  readonly client: string | undefined;
  readonly onClose: () => void;
  /** Something was ended. */
  readonly onChanged: () => void;
}

export function ConnectionDrawer({ client, onClose, onChanged }: ConnectionDrawerProps) {
  const narrow = useMediaQuery('(max-width: 48em)');
  return (
    <Drawer.Root
      opened={client !== undefined}
      onClose={onClose}
      position="right"
      size={narrow ? '100%' : 560}
      padding="md"
      classNames={{ content: 'tl-sheet' }}
    >
      <Drawer.Overlay />
      <Drawer.Content>
        <SheetHead of="drawer" title={`Connection ${client?.slice(0, 8) ?? ''}`} />
        <Drawer.Body>
          {client !== undefined && (
            <Details key={client} client={client} onClose={onClose} onChanged={onChanged} />
          )}
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

function Details({ client, onClose, onChanged }: ConnectionDrawerProps & { readonly client: string }) {
  const { data, error, continuity, ask } = useAsked('node.connections', { client, limit: 1 }, REFRESH_MS);
  const [question, setQuestion] = useState<Question>();
  const connection = data?.connections[0];
  if (data === undefined)
    return error ? (
      <Failure title="The connection cannot be read" reason={error.message} retry={ask} />
    ) : (
      <Waiting label="Loading the connection" rows={6} />
    );
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
            [
              'Outbox',
              <span className="tl-num">{`${plural(connection.outboxMessages, 'message')}, ${formatBytes(connection.outboxBytes)}`}</span>,
            ],
          ]}
        />
      </Panel>
      <Why connection={connection} />
      <Subscriptions
        connection={connection}
        onUnsubscribe={(channel) => setQuestion(unsubscribe(client, user, channel))}
      />
      <Confirm
        question={question}
        onClose={() => setQuestion(undefined)}
        onDone={
          question?.method === 'node.disconnect' && question.params.reconnect !== true
            ? () => (onChanged(), onClose())
            : ended
        }
      />
    </Stack>
  );
}

const ICONS = { good: CircleCheck, wait: Clock, bad: CircleX };

function Why({ connection }: { readonly connection: ConnectionSummary }) {
  const [channel, setChannel] = useState('');
  const [offset, setOffset] = useState<number | string>('');
  const name = channel.trim();
  const info = useAsked('node.info', {}, 0);
  const top = useAsked('node.channel', name === '' ? null : { channel: name }, REFRESH_MS);
  const epoch = top.data?.position.epoch ?? '';
  const asked =
    typeof offset === 'number' && offset > 0 && epoch !== '' ? { epoch, offset: offset - 1 } : undefined;
  const past = useAsked('node.history', asked ? { channel: name, since: asked, limit: 1 } : null, 0);
  const publication = past.data?.publications.find((one) => one.offset === offset);
  const namespace = namespaceFor(name, info.data?.namespaces ?? []);
  const found =
    name === '' || !info.data
      ? undefined
      : diagnose({
          connection,
          channel: name,
          top: top.data?.position,
          namespace,
          offset: typeof offset === 'number' ? offset : undefined,
          publishedAtMs: publication?.timeMs,
        });
  const Icon = found ? ICONS[found.tone] : undefined;
  return (
    <Panel title="Why did this client not get a message?">
      <Group gap="xs" align="flex-end" wrap="nowrap">
        <Autocomplete
          className="tl-grow"
          label="Channel"
          placeholder="Name of the channel"
          value={channel}
          onChange={setChannel}
          data={connection.subscriptions.map((one) => one.channel)}
          limit={20}
          spellCheck={false}
        />
        <NumberInput
          label="Offset"
          placeholder="any"
          w={110}
          min={1}
          allowDecimal={false}
          hideControls
          value={offset}
          onChange={setOffset}
        />
      </Group>
      <div role="status" className="tl-why">
        {found && Icon ? (
          <div className="tl-verdict" data-tone={found.tone}>
            <Icon size={18} aria-hidden="true" />
            <div>
              <Text fw={600} size="sm">
                {found.verdict}
              </Text>
              <ul>
                {found.reasons.map((reason) => (
                  <li key={reason}>{reason}</li>
                ))}
              </ul>
            </div>
          </div>
        ) : (
          <Text size="sm" c="dimmed">
            Name the channel, and the publication’s offset if you know it.
          </Text>
        )}
      </div>
    </Panel>
  );
}

function Subscriptions({
  connection,
  onUnsubscribe,
}: {
  readonly connection: ConnectionSummary;
  readonly onUnsubscribe: (channel: string) => void;
}) {
  const SHOWN = 200;
  const { subscriptions } = connection;
  return (
    <Panel title={`Subscriptions (${formatCount(subscriptions.length)})`} flush>
      {subscriptions.length === 0 ? (
        <Empty icon={Unplug} title="Reads nothing" />
      ) : (
        <ul className="tl-subs">
          {subscriptions.slice(0, SHOWN).map((one) => (
            <li key={one.channel}>
              <div className="tl-two tl-grow">
                <Anchor
                  href={toHash({ screen: 'channel', channel: one.channel })}
                  size="sm"
                  className="tl-break"
                >
                  {one.channel}
                </Anchor>
                <small className="tl-num">
                  {one.position.epoch === '' ? 'not numbered' : `offset ${formatCount(one.position.offset)}`},{' '}
                  {one.type}
                  {one.recoverable && ', recovers'}
                  {one.serverSide && ', by the server'}
                  {one.dropped > 0 && `, ${formatCount(one.dropped)} dropped`}
                </small>
              </div>
              <DeliveryMark delivery={one.delivery} />
              <Button
                variant="default"
                size="compact-xs"
                onClick={() => onUnsubscribe(one.channel)}
                aria-label={`Unsubscribe from ${one.channel}`}
              >
                End
              </Button>
            </li>
          ))}
          {subscriptions.length > SHOWN && (
            <li className="tl-foot">
              and {formatCount(subscriptions.length - SHOWN)} more; name one above to look at it
            </li>
          )}
        </ul>
      )}
    </Panel>
  );
}

function disconnect(client: string, user: string): Question {
  return {
    title: 'Disconnect this client?',
    text: `The connection of ${user} is closed with 3503; a well-behaved client does not come back by itself.`,
    action: 'Disconnect',
    danger: true,
    method: 'node.disconnect',
    params: { client },
    done: 'Disconnected.',
  };
}

function reconnect(client: string, user: string): Question {
  return {
    title: 'Make this client reconnect?',
    text: `The connection of ${user} is closed with 3011; the client comes back at once and recovers what it missed.`,
    action: 'Reconnect',
    danger: false,
    method: 'node.disconnect',
    params: { client, reconnect: true },
    done: 'Told to reconnect.',
  };
}

function unsubscribe(client: string, user: string, channel: string): Question {
  return {
    title: `End the subscription to ${channel}?`,
    text: `The client of ${user} is told that the server ended it (2000); it does not subscribe again by itself.`,
    action: 'End subscription',
    danger: true,
    method: 'node.unsubscribe',
    params: { client, channel },
    done: 'Subscription ended.',
  };
}

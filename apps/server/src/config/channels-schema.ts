/** The section `channels`: namespaces and their options. Absent options have the hub's defaults; the class `local` belongs to modules and cannot be configured. */
import { z } from 'zod';
import { choice, duration, flag, integer, list, records, text } from './leaves.js';

const AUDIENCES = ['user', 'anonymous', 'subscriber', 'viewer', 'member', 'admin', 'operator'] as const;

const audience = () => choice('Who.', AUDIENCES);

const mapOptions = z.strictObject({
  mode: choice(
    'Whether changes are kept, so that a reconnect continues by offset (`persistent`), or not (`ephemeral`).',
    ['ephemeral', 'persistent'],
  ).optional(),
  keyTtl: duration('Time after which a key that is not written again removes itself; 0: never.').optional(),
  streamSize: integer('Changes kept (persistent).').optional(),
  streamTtl: duration('Age after which changes go (persistent).').optional(),
  clientKey: choice('Forces the key of client publications to the client id or the user.', [
    'none',
    'client',
    'user',
  ]).optional(),
  maxKeys: integer('Keys one map may hold.', { min: 1 }).optional(),
});

const namespaceShape = {
  class: choice(
    'Who numbers publications and keeps them: the broker (`live`), or the store (`durable`: committed before they are acknowledged, kept across restarts).',
    ['live', 'durable'],
  ).optional(),
  type: choice('Kind of subscription.', ['stream', 'map', 'map_clients', 'map_users']).optional(),
  historySize: integer('Publications kept; 0: none. Durable channels: 1,000 where it is absent.').optional(),
  historyTtl: duration('Age after which publications go; durable channels: 0, and absent, never.').optional(),
  metaTtl: duration("Age after which an idle channel's offset and epoch go.").optional(),
  presence: flag('Whether presence is kept.').optional(),
  joinLeave: flag('Whether joins and leaves are published to subscribers who ask.').optional(),
  forceJoinLeave: flag('Sends joins and leaves to every subscriber.').optional(),
  forcePositioning: flag('Every subscription checks its position. Needs history.').optional(),
  forceRecovery: flag('Every subscription may recover. Needs history.').optional(),
  recoveryMode: choice('All missed publications or none (`stream`), or the latest one (`cache`).', [
    'stream',
    'cache',
  ]).optional(),
  allowSubscribe: list('Who may subscribe.', audience()).optional(),
  allowPublish: list('Who may publish.', audience()).optional(),
  allowPresence: list('Who may read presence.', audience()).optional(),
  allowHistory: list('Who may read history.', audience()).optional(),
  allowTagsFilter: flag('Whether subscribers may filter by tags.').optional(),
  allowDelta: list('Kinds of deltas subscribers may ask for.', choice('Kind.', ['fossil'])).optional(),
  channelPattern: text(
    'Regular expression (anchored) for the part of the name after the namespace.',
  ).optional(),
  overflow: choice('What happens to a reader that cannot keep up.', ['recover', 'latest', 'gap']).optional(),
  maxSubscribers: integer('Subscribers of one channel on this node.', { min: 1, unlimited: true }).optional(),
  publishDebounce: duration('Time in which a client folds its own publications; 0: none.').optional(),
  map: mapOptions.optional(),
  mapClientsPrefix: text('Prefix of the map kept of subscribed clients.').optional(),
  mapUsersPrefix: text('Prefix of the map kept of subscribed users.').optional(),
} as const;

const namespace = z.strictObject({
  name: text('Part of a channel name before the first `:`.', {
    pattern: /^[^:\s]{1,64}$/,
    expected: 'a name of 1 to 64 characters without `:` and spaces',
  }),
  ...namespaceShape,
});

export const channelsSection = z
  .strictObject({
    default: z.strictObject(namespaceShape).optional(),
    namespaces: records('Namespaces and their options.', namespace).default([]),
  })
  .prefault({});

export type DefaultNamespaceConfig = z.output<z.ZodObject<typeof namespaceShape>>;

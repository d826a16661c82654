/** What `development` changes, below everything that was written down: enough for a tour without any configuration. */
const EVERYBODY = {
  allowSubscribe: ['user', 'anonymous'],
  allowPublish: ['user', 'anonymous'],
  allowPresence: ['user', 'anonymous'],
  allowHistory: ['user', 'anonymous'],
  allowDelta: ['fossil'],
};
const OPEN = {
  historySize: 100,
  historyTtl: '5m',
  presence: true,
  joinLeave: true,
  forceRecovery: true,
  allowTagsFilter: true,
  ...EVERYBODY,
};

/** Added in development where there can be a store. */
export const DEVELOPMENT_DURABLE = {
  name: 'durable',
  class: 'durable',
  presence: true,
  joinLeave: true,
  forceRecovery: true,
  ...EVERYBODY,
};

export const DEVELOPMENT_DEFAULTS = {
  log: { pretty: true },
  auth: { defaultOrg: 'dev', allowAnonymous: true },
  // A tour without durable channels need not wait for a database, nor pay its memory.
  store: { open: 'use' },
  kube: { demo: { run: 'onRequest' } },
  channels: {
    default: OPEN,
    namespaces: [
      { name: '*', ...OPEN },
      {
        name: 'map',
        type: 'map',
        presence: true,
        forceRecovery: true,
        map: { mode: 'persistent' },
        ...EVERYBODY,
      },
    ],
  },
};

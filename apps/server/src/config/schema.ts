/**
 * Everything an operator may set, once: names, readable forms, defaults and one sentence each. Environment variables, flags,
 * `config show`, unknown-key suggestions and the reference in docs/spec/configuration.md are derived from this schema. What one value
 * means for another (a host that development may listen on, a namespace named twice) is `rules.ts`.
 *
 * Resolved durations are milliseconds, resolved sizes bytes; defaults of the client section are the hub's own.
 */
import { z } from 'zod';
import { apiSection, authSection } from './auth-schema.js';
import {
  directorySection,
  nodeSection,
  redisSection,
  secretsSection,
  storeSection,
} from './backing-schema.js';
import { channelsSection } from './channels-schema.js';
import { clientSection } from './client-schema.js';
import { kubeSection } from './kube-schema.js';
import { flag, text } from './leaves.js';
import {
  consoleSection,
  drainSection,
  logSection,
  metricsSection,
  serverSection,
  tracingSection,
} from './server-schema.js';

export const configSchema = z.strictObject({
  server: serverSection,
  development: flag(
    'A server for one person at one machine: anonymous clients, an open default namespace, a link into the console.',
  ).default(false),
  developmentOnAnyHost: flag('Allows `development` on addresses that others can reach.').default(false),
  dataDir: text('Directory for files the server writes.').default('.trunkline'),
  log: logSection,
  auth: authSection,
  client: clientSection,
  channels: channelsSection,
  api: apiSection,
  console: consoleSection,
  node: nodeSection,
  drain: drainSection,
  metrics: metricsSection,
  redis: redisSection,
  store: storeSection,
  secrets: secretsSection,
  directory: directorySection,
  kube: kubeSection,
  tracing: tracingSection,
});

/** The resolved values. */
export type Config = z.output<typeof configSchema>;

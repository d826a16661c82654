/** How the process listens, shows itself and ends: the sections `server`, `log`, `console`, `drain`, `metrics` and `tracing`. */
import { z } from 'zod';
import { ORG, URL_PATTERN } from './forms.js';
import { choice, duration, flag, integer, list, text } from './leaves.js';

export const serverSection = z
  .strictObject({
    host: text('Address to listen on. `0.0.0.0` or `::` for all.').default('127.0.0.1'),
    port: integer('Port to listen on; 0: any free one.', { max: 65_535 }).default(8_000),
    publicUrl: text(
      'How browsers reach the server, where that differs from host and port; with https, cookies are bound to TLS.',
      URL_PATTERN,
    ).optional(),
    trustedProxies: list(
      'Addresses or CIDR blocks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.',
      text('Address.'),
    ).default([]),
    origins: list(
      "Origins, besides the server's own, whose browsers may connect; `*`: all.",
      text('Origin.'),
    ).default([]),
    transports: list(
      'Ways in for clients that are open.',
      choice('Transport.', ['websocket', 'http_stream', 'sse', 'uni_sse']),
    ).default(['websocket', 'http_stream', 'sse', 'uni_sse']),
    maxConnections: integer('Connections of clients held at once; more are answered 503.', {
      min: 1,
    }).default(100_000),
    connectionAttemptsPerSecond: integer(
      'Connection attempts per second and address; more are answered 429.',
      {
        min: 1,
        unlimited: true,
      },
    ).default(50),
    connectionAttemptsBurst: integer('Attempts of one address at once.', { min: 1 }).default(200),
    tls: z
      .strictObject({
        cert: text('Certificate chain, PEM file.').optional(),
        key: text('Private key, PEM file.').optional(),
      })
      .prefault({}),
  })
  .prefault({});

export const logSection = z
  .strictObject({
    level: choice('Least important lines to write.', ['debug', 'info', 'warn', 'error', 'silent']).default(
      'info',
    ),
    pretty: flag('Lines for people instead of JSON.').default(false),
  })
  .prefault({});

export const consoleSection = z
  .strictObject({
    enabled: flag('Whether the console is served at `/`.').default(true),
    org: text(
      'Org whose channels the console sees; absent: auth.defaultOrg, else `default`.',
      ORG,
    ).optional(),
    linkTtl: duration('Life of the one-time link into the console.', { min: 1_000 }).default(15 * 60_000),
    sessionTtl: duration('Life of a console session.', { min: 60_000 }).default(12 * 3_600_000),
  })
  .prefault({});

export const drainSection = z
  .strictObject({
    window: duration('Time in which connections are advised to move and closed.').default(10_000),
    ratePerSecond: integer('Connections closed per second at most.', { min: 1 }).default(500),
    deadline: duration('Time after which the process ends whatever is left.', { min: 1_000 }).default(25_000),
  })
  .prefault({});

export const metricsSection = z
  .strictObject({
    enabled: flag('Whether `/metrics` is served.').default(true),
    perOrg: flag('Adds connections per org (the 100 largest). Off: org counts, not org names.').default(
      false,
    ),
    token: text('Bearer token that a scrape must present; absent: none.', { secret: true }).optional(),
  })
  .prefault({});

export const tracingSection = z
  .strictObject({
    endpoint: text(
      'Where OpenTelemetry spans go (OTLP over HTTP), e.g. `http://collector:4318/v1/traces`; absent: none are made.',
      URL_PATTERN,
    ).optional(),
    authorization: text('`Authorization` header for the collector.', { secret: true }).optional(),
    samplePercent: integer(
      'Share of the traces begun here that are kept; one begun by a caller follows it.',
      {
        max: 100,
      },
    ).default(100),
    serviceName: text('`service.name` of the spans.').default('trunkline'),
  })
  .prefault({});

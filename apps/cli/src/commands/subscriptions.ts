/** `trunkline subscribe`, `unsubscribe` and `refresh`: what a server does to connections that are there, through its HTTP API. */
import type { Command } from 'commander';
import { callApi } from '../api.js';
import { parseDuration } from '../arguments.js';
import { settingsOf, withApi, withExample, type ConnectionOptions } from '../connection-options.js';
import { CliError } from '../exit.js';
import { plural } from '../format.js';
import type { Io } from '../io.js';

export interface TargetOptions extends ConnectionOptions {
  readonly user?: string;
  readonly client?: string;
}

interface RefreshOptions extends TargetOptions {
  readonly expireIn?: string;
  readonly never?: boolean;
  readonly expired?: boolean;
}

export function addSubscriptions(program: Command, io: Io): void {
  for (const method of ['subscribe', 'unsubscribe'] as const) {
    const does =
      method === 'subscribe'
        ? "Subscribes a user's connections, or one connection, to a channel from the server; needs no permission of theirs. They get what is published from then on."
        : "Ends a user's, or one connection's, subscription to a channel, whoever began it.";
    withExample(
      withTarget(withApi(program.command(method)))
        .summary(
          method === 'subscribe'
            ? "subscribe a user's or a client's connections"
            : "end a user's or a client's subscription",
        )
        .description(does)
        .argument('<channel>')
        .action(async (channel: string, options: TargetOptions) => {
          const target = requireTarget(options);
          const { num_clients } = await callApi(
            io,
            settingsOf(io, options),
            method,
            { channel, ...target },
            io.signal,
          );
          await io.out(
            options.json === true
              ? `${JSON.stringify({ count: num_clients })}\n`
              : `${plural(num_clients, 'connection')} ${method}d\n`,
          );
          if (num_clients === 0)
            throw new CliError(
              'notFound',
              method === 'subscribe'
                ? 'no such connection'
                : 'no such connection, or none that is subscribed',
              { advice: '`trunkline connections` lists them.' },
            );
        }),
      `trunkline ${method} news:today --user ann`,
    );
  }

  withExample(
    withTarget(withApi(program.command('refresh')))
      .summary("set the expiry of a user's or a client's connections")
      .description(
        "Sets when a user's connections, or one connection, expire: after --expire-in, never, or now (they then need a new token).",
      )
      .option('--expire-in <duration>', 'expire after this time')
      .option('--never', 'do not expire')
      .option('--expired', 'expire now')
      .action(async (options: RefreshOptions) => {
        const target = requireTarget(options);
        const { num_clients } = await callApi(
          io,
          settingsOf(io, options),
          'refresh',
          { ...target, ...expiryOf(io, options) },
          io.signal,
        );
        await io.out(
          options.json === true
            ? `${JSON.stringify({ count: num_clients })}\n`
            : `${plural(num_clients, 'connection')} refreshed\n`,
        );
        if (num_clients === 0) throw new CliError('notFound', 'no such connection');
      }),
    'trunkline refresh --user ann --expire-in 1h',
  );
}

function expiryOf(
  io: Io,
  { expireIn, never, expired }: RefreshOptions,
): { readonly expired?: boolean; readonly expire_at?: number } {
  if ([expireIn !== undefined, never === true, expired === true].filter(Boolean).length !== 1)
    throw new CliError('usage', 'give one of --expire-in, --never and --expired');
  if (expired === true) return { expired: true };
  if (expireIn === undefined) return {};
  return { expire_at: Math.ceil((io.clock.now() + parseDuration('--expire-in', expireIn)) / 1_000) };
}

export function withTarget(command: Command): Command {
  return command
    .option('--user <user>', 'all connections of this user')
    .option('--client <id>', 'this connection');
}

/** Nobody is not everybody: one of the two must be given. */
export function requireTarget({ user, client }: TargetOptions): {
  readonly user?: string;
  readonly client?: string;
} {
  if (user === undefined && client === undefined)
    throw new CliError('usage', 'whose connections? Give --user, --client or both');
  return { ...(user === undefined ? {} : { user }), ...(client === undefined ? {} : { client }) };
}

/** `trunkline bench`: a load generator for a server and the way to it. What it does is in `bench/`. */
import { Option, type Command } from 'commander';
import { parseCount, parseDuration } from '../arguments.js';
import { BENCH_DEFAULTS, resolveBenchOptions, type BenchOptions } from '../bench/options.js';
import { createApiPort, createClientPort } from '../bench/ports.js';
import { progressLine, resultText } from '../bench/report.js';
import { runBench, type BenchProgress, type BenchResult } from '../bench/run.js';
import { settingsOf, withApi, withExample, type ConnectionOptions } from '../connection-options.js';
import { CliError, exitOfCode, type ExitName } from '../exit.js';
import type { Io } from '../io.js';
import { socketUrl, type Settings } from '../settings.js';
import type { LoadSockets } from '../sockets.js';

interface BenchCommandOptions extends ConnectionOptions {
  readonly connections: string;
  readonly channels: string;
  readonly subscriptions: string;
  readonly publishers: string;
  readonly rate: string;
  readonly size: string;
  readonly duration: string;
  readonly ramp: string;
  readonly namespace: string;
  readonly publishBy?: 'api' | 'client';
}

/** Where a line cannot be written over, one comes this often. */
const PLAIN_PROGRESS_EVERY = 5;
/** Close codes that mean "not with this credential". */
const DENIED_CLOSES = new Set([3500, 3503, 3507]);

export function addBench(
  program: Command,
  io: Io,
  loadSockets: LoadSockets,
  end: (exit: ExitName) => void,
): void {
  const defaults = BENCH_DEFAULTS;
  withExample(
    withApi(program.command('bench'))
      .summary('put load on a server and count what is lost')
      .description(
        `Opens connections, publishes at a rate and counts every delivery: lost, duplicated, out of order, latency. Readers come back after a loss as clients do. Publishes through the HTTP API where there is a key, otherwise as a client. Latencies are of one machine's clock, and hold the work of this one process: for more than it can take, run several.

Servers limit connection attempts to 50 per second and address (server.connectionAttemptsPerSecond) and connections to 1,000 per user (client.maxConnectionsPerUser); --ramp stays within the first by default.`,
      )
      .option('--token <jwt>', 'connection token (TRUNKLINE_TOKEN); all connections use it')
      .option('-n, --connections <n>', 'reading connections', String(defaults.connections))
      .option('--channels <n>', 'channels to publish into', String(defaults.channels))
      .option('--subscriptions <n>', 'channels each connection subscribes to', String(defaults.subscriptions))
      .option('--publishers <n>', 'publishing loops, one request at a time each', String(defaults.publishers))
      .option(
        '--rate <n>',
        'publications per second, of all publishers together',
        String(defaults.ratePerSecond),
      )
      .option('--size <bytes>', 'data of one publication', String(defaults.payloadBytes))
      .option('--duration <duration>', 'time of publishing', '10s')
      .option('--ramp <n>', 'connection attempts per second', String(defaults.rampPerSecond))
      .option('--namespace <name>', 'namespace of the channels; absent: the default one', '')
      .addOption(
        new Option('--publish-by <way>', 'through the HTTP API, or as a client').choices(['api', 'client']),
      )
      .addOption(
        new Option('--transport <transport>', 'transport of the readers')
          .choices(['websocket'])
          .default('websocket'),
      )
      .action(async (options: BenchCommandOptions) =>
        end(await bench(io, loadSockets, settingsOf(io, options), options)),
      ),
    'trunkline bench -n 500 --rate 20 --duration 30s',
    'trunkline bench --channels 100 --publishers 4 --rate 400 --namespace news --json | tail -n 1 | jq .lost',
  );
}

async function bench(
  io: Io,
  loadSockets: LoadSockets,
  settings: Settings,
  given: BenchCommandOptions,
): Promise<ExitName> {
  const options = toOptions(given);
  const by = given.publishBy ?? (settings.apiKey === undefined ? 'client' : 'api');
  const open = await loadSockets();
  const json = given.json === true;
  const show = createProgress(io, json);
  const deps = { clock: io.clock, random: io.random, fetch: io.fetch, open };
  const result = await runBench(
    {
      ...deps,
      signal: io.signal,
      onProgress: show.progress,
      publishPort: () => (by === 'api' ? createApiPort(deps, settings) : createClientPort(deps, settings)),
    },
    { url: socketUrl(settings), token: settings.token },
    options,
  );
  show.clear();
  await io.out(
    json
      ? `${JSON.stringify({ type: 'result', ...result, ended: result.ended?.kind ?? null })}\n`
      : resultText(result, io.paint),
  );
  return exitOf(result);
}

function toOptions(given: BenchCommandOptions): BenchOptions {
  const whole = (option: keyof BenchCommandOptions & string, max: number): number =>
    parseCount(`--${option}`, String(given[option]), 1, max);
  return resolveBenchOptions({
    connections: whole('connections', 100_000),
    channels: whole('channels', 100_000),
    subscriptions: whole('subscriptions', 10_000),
    publishers: whole('publishers', 1_000),
    ratePerSecond: whole('rate', 1_000_000),
    payloadBytes: whole('size', 10_000_000),
    rampPerSecond: whole('ramp', 100_000),
    durationMs: parseDuration('--duration', given.duration),
    namespace: given.namespace,
  });
}

/** Throws where the bench could not be carried out; otherwise what it found decides. */
function exitOf(result: BenchResult): ExitName {
  const { ended } = result;
  if (ended?.kind === 'sentAway' || ended?.kind === 'refused') {
    const { code, message } = ended.error;
    throw new CliError(
      DENIED_CLOSES.has(code) ? 'denied' : exitOfCode(code),
      ended.kind === 'refused'
        ? `the server refused to publish: ${message} (${code})`
        : `the server sent every connection away: ${message} (${code})`,
      {
        code,
        advice:
          'The token or key must be good for the channels of the bench: --namespace names a namespace that admits it.',
      },
    );
  }
  if (result.lost > 0) return 'failure';
  if (ended?.kind === 'interrupted') return 'interrupted';
  if (result.connectionsMade === 0) return 'unreachable';
  return result.connectionsMade < result.connectionsWanted ? 'failure' : 'ok';
}

/** One line that is written over at a terminal, a line now and then elsewhere, an object per second for scripts. */
function createProgress(
  io: Io,
  json: boolean,
): { readonly progress: (progress: BenchProgress) => void; readonly clear: () => void } {
  let ticks = 0;
  const moving = io.errorIsTerminal && !json;
  return {
    progress: (progress) => {
      ticks++;
      if (json) void io.out(`${JSON.stringify({ type: 'progress', ...progress })}\n`);
      else if (moving) io.err(`\r\u001b[2K${progressLine(progress)}`);
      else if (ticks % PLAIN_PROGRESS_EVERY === 0) io.err(`${progressLine(progress)}\n`);
    },
    clear: () => {
      if (moving) io.err('\r\u001b[2K');
    },
  };
}

/** `trunkline doctor`: finds the step at which a client and a server do not come together. The checks are in `doctor/`. */
import type { Command } from 'commander';
import { settingsOf, withApi, withExample, type ConnectionOptions } from '../connection-options.js';
import type { Check } from '../doctor/check.js';
import { runChecks } from '../doctor/run.js';
import type { ExitName } from '../exit.js';
import { oneLine } from '../format.js';
import type { Io } from '../io.js';
import type { LoadSockets } from '../sockets.js';

interface DoctorCommandOptions extends ConnectionOptions {
  readonly channel?: string;
  readonly publish?: boolean;
}

export function addDoctor(
  program: Command,
  io: Io,
  loadSockets: LoadSockets,
  version: string,
  end: (exit: ExitName) => void,
): void {
  withExample(
    withApi(program.command('doctor'))
      .summary('check the way from here to a message, step by step')
      .description(
        'Checks address, readiness, clocks, API key, versions, WebSocket upgrade, token, subscribe, and a publication that comes back; says which step failed and the likely cause. It publishes into a channel of its own only, unless --publish is given. With --json one object per check and line.',
      )
      .option('--token <jwt>', 'connection token (TRUNKLINE_TOKEN)')
      .option('--channel <channel>', 'subscribe to this channel instead of one of its own')
      .option('--publish', 'with --channel: publish {"doctor": "…"} into it too')
      .action(async (options: DoctorCommandOptions) => {
        const deps = { io, loadSockets, settings: settingsOf(io, options), version };
        let exit: ExitName = 'ok';
        for await (const check of runChecks(deps, {
          channel: options.channel,
          publish: options.publish === true,
        })) {
          if (io.signal.aborted) return end('interrupted');
          if (check.status === 'failed' && exit === 'ok') exit = check.exit ?? 'failure';
          await io.out(options.json === true ? `${toJson(check)}\n` : toText(io, check));
        }
        end(exit);
      }),
    'trunkline doctor',
    'trunkline doctor --url https://live.example.com --token "$TOKEN" --channel news:today',
  );
}

function toJson({ check, status, detail, advice }: Check): string {
  return JSON.stringify({ check, status, detail, advice });
}

function toText({ paint }: Io, { check, status, detail, advice }: Check): string {
  const mark = {
    ok: paint.green('ok     '),
    warning: paint.yellow('warning'),
    failed: paint.red('FAILED '),
    skipped: paint.dim('skipped'),
  }[status];
  return `${mark}  ${check.padEnd(10)}  ${oneLine(detail)}\n${advice === undefined ? '' : `${' '.repeat(21)}${oneLine(advice)}\n`}`;
}

/**
 * The command line as a whole: every command, its help, and what its end means. `runCli` never throws and never exits the process; it
 * returns the exit code.
 */
import { Command, CommanderError } from 'commander';
import { addAudit } from './commands/audit.js';
import { addBench } from './commands/bench.js';
import { addCompletion } from './commands/completion.js';
import { addConfig } from './commands/config.js';
import { addConsole } from './commands/console.js';
import { addDoctor } from './commands/doctor.js';
import { addInspect } from './commands/inspect.js';
import { addInvite } from './commands/invite.js';
import { addKey } from './commands/key.js';
import { addKube } from './commands/kube.js';
import { addMap } from './commands/map.js';
import { addGroup, addMember } from './commands/member.js';
import { addNode } from './commands/node.js';
import { addOperate } from './commands/operate.js';
import { addOrg } from './commands/org.js';
import { addPublish } from './commands/publish.js';
import { addRpc } from './commands/rpc.js';
import { addSecret } from './commands/secret.js';
import { addServe } from './commands/serve.js';
import { addStore } from './commands/store.js';
import { addSubscriptions } from './commands/subscriptions.js';
import { addTail } from './commands/tail.js';
import { addToken } from './commands/token.js';
import { addUser } from './commands/user.js';
import { addWhy } from './commands/why.js';
import { CliError, EXIT, type ExitName } from './exit.js';
import { READER_GONE, type Io } from './io.js';
import type { Connect } from './live.js';
import type { LoadServer } from './server-port.js';
import type { LoadSockets } from './sockets.js';

export interface CliDeps {
  readonly io: Io;
  readonly connect: Connect;
  readonly loadServer: LoadServer;
  readonly loadSockets: LoadSockets;
  readonly version: string;
  /** Called before a command other than `serve` begins: from then on Ctrl-C aborts `io.signal`. */
  readonly onClientCommand: () => void;
  /** Called before `serve` begins, which answers signals itself. */
  readonly onServe: () => void;
}

/** `argv` without the program's own name. */
export async function runCli(argv: readonly string[], deps: CliDeps): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = createProgram(deps, (code) => void (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, deps.io);
  }
}

/** Exported for tests of the tree; commands run through `runCli`. */
export function createProgram(deps: CliDeps, exitWith: (code: number) => void): Command {
  const { io, connect, loadServer, loadSockets, version } = deps;
  const end = (exit: ExitName): void => exitWith(EXIT[exit]);
  const program = new Command('trunkline')
    .description('Runs a Trunkline server and talks to one.')
    .version(version, '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.out(text),
      writeErr: io.err,
      getOutHasColors: () => io.outputIsTerminal,
      getErrHasColors: () => io.outputIsTerminal,
    })
    .showHelpAfterError('(--help shows how)')
    .addHelpText('after', HELP)
    .hook('preAction', (_program, command) => {
      if (command.name() === 'serve') deps.onServe();
      else deps.onClientCommand();
    });
  addServe(program, io, loadServer, exitWith);
  addTail(program, io, connect);
  addPublish(program, io, end);
  addRpc(program, io, connect);
  addMap(program, io);
  addKube(program, io, connect);
  addInspect(program, io);
  addOperate(program, io);
  addSubscriptions(program, io);
  addNode(program, io);
  addWhy(program, io, end);
  addDoctor(program, io, loadSockets, version, end);
  addBench(program, io, loadSockets, end);
  addStore(program, io, loadServer);
  addOrg(program, io);
  addUser(program, io);
  addMember(program, io);
  addGroup(program, io);
  addInvite(program, io);
  addKey(program, io);
  addSecret(program, io);
  addAudit(program, io);
  addConsole(program, io);
  addToken(program, io, loadServer);
  addConfig(program, io, loadServer, end);
  addCompletion(program, io);
  return program;
}

const HELP = `
Where to connect: --url and --api-key or --token, else TRUNKLINE_URL, TRUNKLINE_API_KEY, TRUNKLINE_TOKEN, else the development server that
runs in this folder or above (.trunkline/dev.json), else http://localhost:8000.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 no server, 4 denied, 5 no such thing, 130 interrupted before the work was complete.
\`serve\`: 0 ended in order, 1 failed, 2 could not listen, 78 wrong configuration.`;

/** Shows a failure the way its kind deserves and returns the exit code. */
function report(error: unknown, io: Io): number {
  // Help and version are thrown too; commander has printed what there is to print.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CliError) {
    // `… | head` has what it wanted.
    if (error.exit === 'interrupted' && io.signal.reason === READER_GONE) return EXIT.ok;
    io.err(
      `${io.paint.red('error:')} ${error.message}\n${error.advice === undefined ? '' : `${error.advice}\n`}`,
    );
    return EXIT[error.exit];
  }
  // Not foreseen: the stack is what a bug report needs.
  io.err(
    `${io.paint.red('unexpected error:')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return EXIT.failure;
}

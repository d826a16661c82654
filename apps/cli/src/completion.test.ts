// Completion scripts out of the real command tree; run by the shells that this machine has.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, test } from 'vitest';
import { completionScript, SHELLS } from './completion.js';
import { createProgram } from './program.js';
import { createFakeIo, createFakeLive, createFakeSockets } from './testing.js';

const program = createProgram(
  {
    io: createFakeIo(),
    connect: createFakeLive().connect,
    loadServer: () => Promise.reject(new Error('not loaded')),
    loadSockets: async () => createFakeSockets(() => undefined).open,
    version: '1',
    onClientCommand: () => undefined,
    onServe: () => undefined,
  },
  () => undefined,
);

const folder = mkdtempSync(join(tmpdir(), 'trunkline-completion-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What bash offers for a command line whose last word is at the cursor. */
function bash(...words: string[]): string[] {
  const script = join(folder, 'trunkline.bash');
  writeFileSync(script, completionScript('bash', program));
  const run =
    'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _trunkline; printf "%s\\n" "${COMPREPLY[@]}"';
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', run, 'bash', script, 'trunkline', ...words], {
    encoding: 'utf8',
    cwd: folder,
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

function leaves(command: Command, path = ''): string[] {
  return command.commands.flatMap((one) => {
    const name = `${path} ${one.name()}`.trim();
    return one.commands.length > 0 ? leaves(one, name) : [name];
  });
}

describe('completion', () => {
  test.each<[string[], string[]]>([
    [['to'], ['token']],
    [['token', ''], ['create']],
    [
      ['map', ''],
      ['get', 'set', 'remove'],
    ],
    [['completion', 'z'], ['zsh']],
    [['bench', '--transport', ''], ['websocket']],
    [['tail', 'news:a', '--fil'], ['--filter']],
    // A value is no command, and what follows it is no value.
    [['tail', '--url', 'token', '--hist'], ['--history']],
    [['tail', '--url', 'to'], []],
    [['node', '--js'], ['--json']],
  ])('[CLI-23] bash completes %j', (words, expected) => {
    expect(bash(...words)).toEqual(expected);
  });

  test('[CLI-23] bash completes file names where a file is wanted', () => {
    writeFileSync(join(folder, 'trunkline.yaml'), '');
    expect(bash('config', 'check', '--config', 'trunkline.y')).toEqual(['trunkline.yaml']);
  });

  test.each(SHELLS)(
    '[CLI-23] the script for %s knows every command and option, and is one that the shell can read',
    (shell) => {
      const script = completionScript(shell, program);
      for (const path of leaves(program)) expect(script, path).toContain(path);
      expect(script).toContain('idempotency-key');
      if (!has(shell)) return;
      const file = join(folder, `trunkline.${shell}`);
      writeFileSync(file, script);
      const { status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    },
  );

  test('[CLI-23] trunkline completion prints the script; another shell is wrong use', async () => {
    expect(completionScript('bash', program)).toContain('complete -F _trunkline trunkline');
    expect(completionScript('zsh', program)).toMatch(/^#compdef trunkline\n/);
    expect(completionScript('fish', program)).toContain('complete -c trunkline -f');
  });
});

describe('help', () => {
  const commands = (command: Command): Command[] =>
    command.commands.flatMap((one) => (one.commands.length > 0 ? commands(one) : [one]));

  test.each(commands(program).map((command): [string, Command] => [command.name(), command]))(
    '[CLI-26] %s has a summary, a description and an example that fits it',
    (name, command) => {
      let text = '';
      command.configureOutput({ writeOut: (part) => void (text += part) });
      command.outputHelp();
      expect(command.summary()).not.toBe('');
      expect(command.description().length).toBeGreaterThan(20);
      const example = /\n\s+\$ (.*trunkline .*)/.exec(text)?.[1] ?? '';
      expect(example).toContain(name === 'info' ? 'trunkline info' : name);
    },
  );
});

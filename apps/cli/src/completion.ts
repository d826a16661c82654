/**
 * Completion scripts for bash, zsh and fish, written out of the command tree, so that they know every command and option and cannot fall
 * behind. A script is static: completing a word starts no process and asks no server.
 */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** One level of the tree, e.g. `token create`; '' is the program itself. */
interface Level {
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly text: string }[];
  readonly options: readonly OptionFacts[];
  /** Words for the first argument, where only these are taken. */
  readonly words: readonly string[];
}

interface OptionFacts {
  /** `-c`, `--config`. */
  readonly names: readonly string[];
  readonly text: string;
  readonly takesValue: boolean;
  readonly takesFile: boolean;
  readonly choices: readonly string[];
}

export function completionScript(shell: Shell, program: Command): string {
  const levels = levelsOf(program);
  const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
  return script(program.name(), levels);
}

function levelsOf(program: Command): readonly Level[] {
  const help = program.createHelp();
  const visit = (command: Command, path: string): Level[] => {
    // The implicit `help` command completes nothing that `--help` does not.
    const commands = help.visibleCommands(command).filter((one) => one.name() !== 'help');
    const level: Level = {
      path,
      commands: commands.flatMap((one) =>
        [one.name(), ...one.aliases()].map((name) => ({
          name,
          text: firstLine(help.subcommandDescription(one)),
        })),
      ),
      options: help.visibleOptions(command).map(toFacts),
      words: command.registeredArguments[0]?.argChoices ?? [],
    };
    return [
      level,
      ...commands.flatMap((one) =>
        [one.name(), ...one.aliases()].flatMap((name) => visit(one, path === '' ? name : `${path} ${name}`)),
      ),
    ];
  };
  return visit(program, '');
}

function toFacts(option: Option): OptionFacts {
  return {
    names: [option.short, option.long].filter((name): name is string => typeof name === 'string'),
    text: firstLine(option.description),
    takesValue: option.required || option.optional,
    takesFile: /<file>/.test(option.flags),
    choices: option.argChoices ?? [],
  };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

/** In single quotes, for all three shells; fish alone reads a backslash in them. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Pattern of a `case` over `<path> <word>`. */
function pattern(path: string, word: string): string {
  return quote(`${path} ${word}`);
}

/** Steps over the words before the cursor: which level they lead to, and whether the word at the cursor is an option's value. Alike in bash and zsh. */
function walk(levels: readonly Level[]): string {
  const commands = levels.flatMap(({ path, commands: own }) => own.map(({ name }) => pattern(path, name)));
  const values = levels.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .flatMap(({ names }) => names.map((name) => pattern(path, name))),
  );
  return [
    '    if [[ -n $option ]]; then option=; continue; fi',
    '    case "$level $word" in',
    `      ${commands.join('|')}) level="\${level:+$level }$word" ;;`,
    `      ${values.join('|')}) option=$word ;;`,
    '    esac',
  ].join('\n');
}

function bashScript(name: string, levels: readonly Level[]): string {
  const values = levels.flatMap(({ path, options }) =>
    options.flatMap(({ names, takesFile, choices }) => {
      const patterns = names.map((one) => pattern(path, one)).join('|');
      if (takesFile) return [`      ${patterns}) COMPREPLY=($(compgen -f -- "$word")) ;;`];
      return choices.length > 0
        ? [`      ${patterns}) COMPREPLY=($(compgen -W ${quote(choices.join(' '))} -- "$word")) ;;`]
        : [];
    }),
  );
  const arms = levels.map(
    ({ path, commands, options, words }) =>
      `    ${quote(path)}) commands=${quote([...commands.map((one) => one.name), ...words].join(' '))} options=${quote(options.flatMap((one) => one.names).join(' '))} ;;`,
  );
  return `# Completion of ${name} for bash. Load it with: source <(${name} completion bash)
_${name}() {
  local word level= option= commands= options= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
${walk(levels)}
  done
  word=\${COMP_WORDS[COMP_CWORD]}
  if [[ -n $option ]]; then
    case "$level $option" in
${values.join('\n')}
    esac
    return
  fi
  case "$level" in
${arms.join('\n')}
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    COMPREPLY=($(compgen -W "$commands" -- "$word"))
  fi
}
complete -F _${name} ${name}
`;
}

function zshScript(name: string, levels: readonly Level[]): string {
  /** \`name:text\`; a colon of the name is escaped, and texts hold none that matter. */
  const described = (items: readonly { readonly name: string; readonly text: string }[]): string =>
    items.map((item) => quote(`${item.name.replaceAll(':', '\\:')}:${item.text}`)).join(' ');
  const values = levels.flatMap(({ path, options }) =>
    options.flatMap(({ names, takesFile, choices }) => {
      const patterns = names.map((one) => pattern(path, one)).join('|');
      if (takesFile) return [`      ${patterns}) _files ;;`];
      return choices.length > 0 ? [`      ${patterns}) compadd -- ${choices.map(quote).join(' ')} ;;`] : [];
    }),
  );
  const arms = levels.map(
    ({ path, commands, options, words }) =>
      `    ${quote(path)}) commands=(${described([...commands, ...words.map((word) => ({ name: word, text: '' }))])}) options=(${described(
        options.flatMap(({ names, text }) => names.map((one) => ({ name: one, text }))),
      )}) ;;`,
  );
  return `#compdef ${name}
# Completion of ${name} for zsh. Load it with: source <(${name} completion zsh), or put it into a folder of $fpath as _${name}.
_${name}() {
  local word level= option= i
  local -a commands options
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
${walk(levels)}
  done
  if [[ -n $option ]]; then
    case "$level $option" in
${values.join('\n')}
    esac
    return
  fi
  case "$level" in
${arms.join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    _describe -o option options
  else
    _describe command commands
  fi
}
if [[ \${funcstack[1]} == _${name} ]]; then
  _${name} "$@"
else
  (( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit }
  compdef _${name} ${name}
fi
`;
}

function fishScript(name: string, levels: readonly Level[]): string {
  const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const commands = levels.flatMap(({ path, commands: own }) => own.map((one) => text(`${path} ${one.name}`)));
  const values = levels.flatMap(({ path, options }) =>
    options.flatMap(({ names, takesValue }) =>
      takesValue ? names.map((one) => text(`${path} ${one}`)) : [],
    ),
  );
  const lines = levels.flatMap(({ path, commands: own, options, words }) => {
    const when = `-n ${text(`__${name}_at ${text(path)}`)}`;
    return [
      ...own.map((one) => `complete -c ${name} ${when} -a ${text(one.name)} -d ${text(one.text)}`),
      ...words.map((word) => `complete -c ${name} ${when} -a ${text(word)}`),
      ...options.map(({ names, text: about, takesValue, takesFile, choices }) => {
        const flags = names.map((one) =>
          one.startsWith('--') ? `-l ${one.slice(2)}` : `-s ${one.slice(1)}`,
        );
        const value = takesFile ? ['-r', '-F'] : takesValue ? ['-x'] : [];
        const from = choices.length === 0 ? [] : ['-a', text(choices.join(' '))];
        return ['complete', '-c', name, when, ...flags, ...value, ...from, '-d', text(about)].join(' ');
      }),
    ];
  });
  return `# Completion of ${name} for fish. Load it with: ${name} completion fish | source
function __${name}_at
  set -l level ''
  set -l option ''
  for word in (commandline -opc)[2..-1]
    if test -n "$option"
      set option ''
      continue
    end
    switch "$level $word"
      case ${commands.join(' ')}
        set level (string trim "$level $word")
      case ${values.join(' ')}
        set option $word
    end
  end
  test "$level" = "$argv[1]"
end
complete -c ${name} -f
${lines.join('\n')}
`;
}

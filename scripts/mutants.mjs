/**
 * `npm run mutants`: proves that the simulation would notice. Each mutant is one defect: a text of one file that is replaced while the
 * simulation is bundled (the working tree is never touched). Fixed seeds run, those first that were kept for the defect (tests/sim/kept-seeds.json),
 * until one fails (killed) or all pass (survived). A text that does not stand in its file exactly once is an error: the list has to follow the code.
 *
 *   node scripts/mutants.mjs [--only <part of a name>] [--seeds 600] [--processes <cores>] [--check]
 */
import { fork } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT } from './lib/files.mjs';
import { bundleSimulation, makeFolder } from './lib/sim-bundle.mjs';

/** @typedef {{ name: string, file: string, text: string, replacement: string }} Mutant */
/** `failed`: the run itself went wrong, which says nothing. @typedef {{ outcome: 'killed' | 'SURVIVED' | 'FAILED', seed: number, why: string }} Verdict */

const HUB = 'packages/hub/src';
const CLIENT = 'packages/client/src';
const STORE = 'packages/store/src';

/** A mutant that lets a seed run for so long goes round in circles, which is a way to be noticed. */
const SILENCE_MS = 120_000;

/** @type {readonly Mutant[]} */
export const MUTANTS = [
  {
    name: 'a node does not notice a jump of offsets',
    file: `${HUB}/channels/channel.ts`,
    text: 'if (offset === at.offset + 1) {',
    replacement: 'if (offset > at.offset) {',
  },
  {
    name: 'a node does not compare epochs of deliveries',
    file: `${HUB}/channels/channel.ts`,
    text: 'if (epoch !== at.epoch) {',
    replacement: "if (epoch === '') {",
  },
  {
    name: 'a subscribe joins whatever epoch its read came from',
    file: `${HUB}/channels/channel.ts`,
    text: 'else if (position.epoch === at.epoch) {',
    replacement: "else if (position.epoch !== '-') {",
  },
  {
    name: 'a subscribe begins below where delivery started',
    file: `${HUB}/channels/channel.ts`,
    text: 'if (position.offset < this.#startedAt)',
    replacement: 'if (position.offset < 0)',
  },
  {
    name: 'lost continuity is not told',
    file: `${HUB}/channels/channel.ts`,
    text: 'for (const reader of readers) reader.cut(reason);',
    replacement: 'for (const reader of readers) void reader;',
  },
  {
    name: 'an idle channel is not compared with its origin',
    file: `${HUB}/channels/channels.ts`,
    text: 'if (position.epoch === at.epoch && position.offset === at.offset && !wentBack) continue;',
    replacement: 'if (position.offset >= 0) continue;',
  },
  {
    name: 'what was published while subscribing is forgotten',
    file: `${HUB}/delivery/delivery.ts`,
    text: 'for (const { publication, document } of items) {',
    replacement: 'for (const { publication, document } of items.slice(items.length)) {',
  },
  {
    name: 'a buffer that overflowed is taken for an empty one',
    file: `${HUB}/delivery/delivery.ts`,
    text: '    if (overflowed) {',
    replacement: '    if (overflowed && items.length > 0) {',
  },
  {
    name: 'publications are handed over twice',
    file: `${HUB}/delivery/delivery.ts`,
    text: 'if (offset !== 0 && offset <= this.#offset) return false;',
    replacement: 'if (offset < 0) return false;',
  },
  {
    name: 'a cut is not told',
    file: `${HUB}/delivery/delivery.ts`,
    text: 'if (told && !this.options.endsConnection) {',
    replacement: 'if (told && this.options.endsConnection) {',
  },
  {
    name: 'a dropped range is not told',
    file: `${HUB}/delivery/delivery.ts`,
    text: "if (state.from > 0) this.#gap(state.from, state.to, 'overflow');",
    replacement: 'if (state.from < 0) return;',
  },
  {
    name: 'a conflated range is not told',
    file: `${HUB}/delivery/delivery.ts`,
    text: "if (offset > next && next > 0) this.#gap(next, offset - 1, 'conflated');",
    replacement: 'if (offset < 0) return;',
  },
  {
    name: 'the newest values that wait are dropped',
    file: `${HUB}/delivery/delivery.ts`,
    text: 'const waiting = [...state.latest.values()];',
    replacement: 'const waiting = [...state.latest.values()].slice(1);',
  },
  {
    name: 'readers that cannot be told of gaps are skipped',
    file: `${HUB}/router/subscriptions.ts`,
    text: "const outcome = profileOutcome ?? (tellsGaps ? namespace.options.overflow : 'recover');",
    replacement: 'const outcome = profileOutcome ?? namespace.options.overflow;',
  },
  {
    name: 'an outbox has no bound of publications',
    file: `${HUB}/connection/connection.ts`,
    text: 'this.#pendingPublications >= this.profile.outboxMaxMessages ||',
    replacement: 'this.#pendingPublications < 0 ||',
  },
  {
    name: 'an outbox has no bound of bytes',
    file: `${HUB}/connection/connection.ts`,
    text: 'waiting + bytes > this.profile.outboxMaxBytes ||',
    replacement: 'waiting + bytes < 0 ||',
  },
  {
    name: 'a reply larger than the bound closes a peer that reads',
    file: `${HUB}/connection/connection.ts`,
    text: 'if (this.#pendingBytes - largest > 2 * this.profile.outboxMaxBytes) {',
    replacement: 'if (this.#pendingBytes > 2 * this.profile.outboxMaxBytes) {',
  },
  {
    name: 'replies to a reconnect close a peer that reads',
    file: `${HUB}/router/session.ts`,
    text: 'while (client.open && this.#connection.congested())',
    replacement: 'while (!client.open && this.#connection.congested())',
  },
  {
    name: 'a reply does not wait for its publication',
    file: `${HUB}/clients/client.ts`,
    text: 'subscription.delivery.whenReached(after.position, send);',
    replacement: 'send();',
  },
  {
    name: 'a subscription that was ended is told after the replies that waited for it',
    file: `${HUB}/router/subscriptions.ts`,
    text: `    if (tell && live) client.pushUnsubscribed(subscription, tell);
    // That may have been one push too many for the connection.
    if (client.subscriptions.get(subId) === subscription) this.#forget(client, subscription);`,
    replacement: `    this.#forget(client, subscription);
    if (tell && live) client.pushUnsubscribed(subscription, tell);`,
  },
  {
    name: 'a silent peer is kept',
    file: `${HUB}/connection/heartbeat.ts`,
    text: 'if (due && this.#slotOf.has(due.item) && !due.item.answered()) due.item.onSilent();',
    replacement: 'if (due === undefined) return;',
  },
  {
    name: 'recovery accepts another epoch',
    file: `${HUB}/channels/recovery.ts`,
    text: "if (!sameEpoch) return { recovered: false, reason: 'epoch' };",
    replacement: 'void sameEpoch;',
  },
  {
    name: 'recovery accepts holes',
    file: `${HUB}/channels/recovery.ts`,
    text: "if (!contiguous(missed, since.offset, top.offset)) return { recovered: false, reason: 'trimmed' };",
    replacement: '',
  },
  {
    name: 'recovery ignores the filter',
    file: `${HUB}/channels/subscribe.ts`,
    text: `const publications = recovery.publications.filter((publication) => reader.passes(publication));
  const recovered =`,
    replacement: `const publications = recovery.publications;
  const recovered =`,
  },
  {
    name: 'pages of a map ignore the filter',
    file: `${HUB}/channels/subscribe.ts`,
    text: 'const state = page.entries.filter((entry) => reader.passes(entry));',
    replacement: 'const state = page.entries;',
  },
  {
    name: 'pages of a map begin anew each time',
    file: `${HUB}/channels/subscribe.ts`,
    text: 'const started = request.started ?? page.position;',
    replacement: 'const started = page.position;',
  },
  {
    name: 'pages of a map come without what was not delivered yet',
    file: `${HUB}/channels/subscribe.ts`,
    text: 'if (!origin || reached.offset >= top.offset) return [];',
    replacement: 'if (!origin || reached.offset >= 0) return [];',
  },
  {
    name: 'the position of a subscribe is ignored',
    file: `${HUB}/router/handlers.ts`,
    text: '...(command.recover ? { recover: command.recover } : {}),',
    replacement: '',
  },
  {
    name: "a module's permission is not asked",
    file: `${HUB}/router/authorise.ts`,
    text: 'if (permission) return { namespace };',
    replacement: 'return { namespace };',
  },
  {
    name: 'a permission that was given for a while is not asked about again',
    file: `${HUB}/router/subscriptions.ts`,
    text: 'if (request.knownUntilMs !== undefined)',
    replacement: 'if (request.knownUntilMs === -1)',
  },
  {
    name: 'orgs share one key',
    file: 'packages/protocol/src/channel.ts',
    text: 'return (org + SEPARATOR + channel) as ChannelKey;',
    replacement: 'return (org.slice(0, 0) + SEPARATOR + channel) as ChannelKey;',
  },
  {
    name: 'an idempotency key is forgotten at once',
    file: 'packages/broker/src/idempotency.ts',
    text: 'return found !== undefined && found.until > this.#queue.now() ? found.position : undefined;',
    replacement: 'return found !== undefined && found.until < 0 ? found.position : undefined;',
  },
  {
    name: 'a delta is made from what the reader does not hold',
    file: `${HUB}/delivery/holding.ts`,
    text: 'return last !== undefined && (last === base || (base.offset !== 0 && last.offset === base.offset));',
    replacement: 'return last !== undefined || base.offset === 0;',
  },
  {
    name: 'the SDK begins anew after each loss',
    file: `${CLIENT}/continuity.ts`,
    text: '    fresh: false,',
    replacement: '    fresh: track.fresh || !event.recovered,',
  },
  {
    name: 'the SDK does not tell that it was not recovered',
    file: `${CLIENT}/continuity.ts`,
    text: "return { track: replaced, effects: [{ kind: 'reset', ...lossBetween(track, top) }] };",
    replacement: 'return { track: replaced, effects: NONE };',
  },
  {
    name: 'the SDK keeps an overflow to itself',
    file: `${CLIENT}/continuity.ts`,
    text: "return [{ kind: 'reset', reason, missing }];",
    replacement: 'return [];',
  },
  {
    name: 'the SDK says live while it is on its way back',
    file: `${CLIENT}/continuity.ts`,
    text: 'return { ...track, phase, reported: [] };',
    replacement: 'return phase.kind === track.phase.kind ? { ...track, phase } : track;',
  },
  {
    name: 'the SDK says live whatever the source says',
    file: `${CLIENT}/continuity-view.ts`,
    text: "if (source.state !== 'live')",
    replacement: "if (source.state === 'failed')",
  },
  {
    name: 'the SDK applies changes older than the state it loaded',
    file: `${CLIENT}/stream.ts`,
    text: 'if (offset !== 0 && offset <= this.#contained) return;',
    replacement: 'if (offset < 0) return;',
  },
  {
    name: 'the SDK keeps entries that a complete state does not have',
    file: `${CLIENT}/map-store.ts`,
    text: 'this.#confirmed.clear();',
    replacement: 'void this.#confirmed;',
  },
  {
    name: 'a local source that lost its place goes on in its epoch',
    file: `${HUB}/channels/origin.ts`,
    text: `    this.#epoch = this.#newEpoch();
    this.#top = top;`,
    replacement: '    this.#top = top;',
  },
  {
    name: 'a local map that is loaded anew does not say so',
    file: `${HUB}/channels/local-source.ts`,
    text: "this.#channel.lose('loaded anew', map.position);",
    replacement: 'void this.#channel;',
  },
  {
    name: 'a local map hands out pages of what it began with',
    file: `${HUB}/channels/local-map.ts`,
    text: `    this.#put(entry);
    return this.keep`,
    replacement: '    return this.keep',
  },
  {
    name: 'what leaves a local map is not told',
    file: `${HUB}/channels/local-source.ts`,
    text: 'return removal === undefined ? map.position : this.#deliver(removal);',
    replacement: 'return removal === undefined ? map.position : map.position;',
  },
  {
    name: 'calls of one order are taken from the end',
    file: `${HUB}/router/turns.ts`,
    text: 'const first = line.waiting.find((waiting) => !isHeld(line, waiting));',
    replacement: 'const first = line.waiting.findLast((waiting) => !isHeld(line, waiting));',
  },
  {
    name: 'calls of one order are worked on at once',
    file: `${HUB}/router/turns.ts`,
    text: 'if (line.running || isHeld(line, { seq, signal })) await this.#wait(name, line, seq, signal);',
    replacement: 'if (isHeld(line, { seq, signal })) await this.#wait(name, line, seq, signal);',
  },
  {
    name: 'commands of one channel are worked on at once',
    file: `${HUB}/router/session.ts`,
    text: 'const work = before ? before.then(() => this.#answer(client, command)) : this.#answer(client, command);',
    replacement: 'const work = this.#answer(client, command);',
  },
  {
    name: 'while subscribing as much waits as comes',
    file: `${HUB}/delivery/delivery.ts`,
    text: 'if (state.items.length >= this.options.bufferMax || state.bytes > this.#maxHeldBytes) {',
    replacement: 'if (state.items.length < 0) {',
  },
  {
    name: 'a recovery may be as large as it is',
    file: `${HUB}/channels/recovery.ts`,
    text: 'return bytes > limits.maxBytes',
    replacement: 'return bytes > Infinity',
  },
  {
    name: 'the SDK goes back to before a reported gap',
    file: `${CLIENT}/wire.ts`,
    text: `    this.#ahead = false;
    this.#reopen();`,
    replacement: '    this.#ahead = false;',
  },
  {
    name: 'the offline queue gives up at the first refusal',
    file: `${CLIENT}/offline/sender.ts`,
    text: "return code >= 100 && retry !== 'afterBackoff' && retry !== 'afterReauth';",
    replacement: "return code >= 100 || retry === 'never';",
  },
  {
    name: 'the offline queue holds as many commands as are added',
    file: `${CLIENT}/offline/entry.ts`,
    text: 'if (meta.waiting >= maxEntries)',
    replacement: 'if (meta.waiting < 0)',
  },
  {
    name: 'the offline queue waits for a clock that was set back',
    file: `${CLIENT}/offline/due.ts`,
    text: 'if (entry.retryAtMs <= nowMs || entry.retryAtMs > nowMs + maxDelayMs) send.push(entry);',
    replacement: 'if (entry.retryAtMs <= nowMs) send.push(entry);',
  },
  {
    name: 'a unit is acknowledged before its commit is answered',
    file: `${STORE}/commit/transaction.ts`,
    text: 'await this.#send([...this.#wake(), COMMIT], true);',
    replacement: 'void this.#send([...this.#wake(), COMMIT], true).catch(() => undefined);',
  },
  {
    name: 'a commit without an answer is sent again',
    file: `${STORE}/commit/transaction.ts`,
    text: 'throw committing && cause instanceof ConnectionLost ? new OutcomeUnknown(cause) : cause;',
    replacement: 'throw cause;',
  },
  {
    name: 'a unit that failed is not rolled back',
    file: `${STORE}/commit/transaction.ts`,
    text: "this.#outgoing = [{ sql: this.#units.length === 1 ? 'ROLLBACK' : `ROLLBACK TO SAVEPOINT u${index}` }];",
    replacement: 'this.#outgoing = [];',
  },
  {
    name: 'a key that is taken is no obstacle',
    file: `${STORE}/idempotency/idempotency.ts`,
    text: 'expect: { rows: 1, orElse: () => new Taken() },',
    replacement: '',
  },
  {
    name: 'what a broker refused is forgotten',
    file: `${STORE}/outbox/dispatcher.ts`,
    text: `          if (entry.publication && !(await this.#deliverOne(deliver, key, entry.publication, entry.epoch)))
            return;`,
    replacement: `          if (entry.publication) await this.#deliverOne(deliver, key, entry.publication, entry.epoch);`,
  },
  {
    name: 'what another process handed on is asked for without end',
    file: `${STORE}/outbox/dispatcher.ts`,
    text: 'if (waiting.length < this.#options.batch) this.#letGo(due, waiting);',
    replacement: 'void this.#letGo;',
  },
  {
    name: 'an effect is committed without its publication',
    file: 'apps/server/src/store/commands.ts',
    text: 'const appending = publications.length > 0 ? [channels.appendAll(publications)] : [];',
    replacement: 'const appending = publications.length > 1 ? [channels.appendAll(publications)] : [];',
  },
  {
    name: 'a publication is committed without its effect',
    file: 'apps/server/src/store/commands.ts',
    text: 'statements: [...statements, ...appending],',
    replacement: 'statements: [...appending],',
  },
  {
    name: 'a publication is delivered before its commit',
    file: 'tests/sim/database.ts',
    text: '    this.#changes.set(`${table} ${key}`, row);',
    replacement: `    this.#changes.set(\`\${table} \${key}\`, row);
    if (row !== null && (table === 'outbox' || table === 'publications' || table === 'channels')) this.#database.tables[table].set(key, row);`,
  },
  {
    name: 'two transactions number one channel at once',
    file: 'tests/sim/statements.ts',
    text: `    await transaction.lock('channels', key);
    const own`,
    replacement: '    const own',
  },
];

/** The file with the defect. Throws where the text does not stand there exactly once. @param {Mutant} mutant @param {string} source */
export function applyMutant({ name, file, text, replacement }, source) {
  const found = source.split(text).length - 1;
  if (found !== 1) throw new Error(`mutant '${name}': its text stands ${found} times in ${file}, not once`);
  return source.replace(text, () => replacement);
}

/** What is wrong with the list, in words: texts that do not stand in their files exactly once, names given twice. */
export function checkMutants() {
  const problems = [];
  const names = new Set();
  for (const mutant of MUTANTS) {
    if (names.has(mutant.name)) problems.push(`mutant '${mutant.name}' is there twice`);
    names.add(mutant.name);
    try {
      applyMutant(mutant, read(mutant.file));
    } catch (cause) {
      problems.push(/** @type {Error} */ (cause).message);
    }
  }
  return problems;
}

/** @param {string} path */
function read(path) {
  return readFileSync(join(ROOT, path), 'utf8');
}

if (process.argv[1] === import.meta.filename) {
  if (process.argv[2] === '--worker')
    await work(String(process.argv[3]), JSON.parse(String(process.argv[4])));
  else await main();
}

/** Runs seeds until one fails. @param {string} path of the bundle @param {readonly number[]} seeds */
async function work(path, seeds) {
  const { runSeed } = await import(pathToFileURL(path).href);
  process.on('disconnect', () => process.exit());
  for (const seed of seeds) {
    process.send?.({ seed });
    const { problems } = await runSeed(seed);
    if (problems.length === 0) continue;
    process.send?.({ seed, why: problems[0] });
    break;
  }
  process.disconnect();
}

async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      seeds: { type: 'string', default: '600' },
      processes: { type: 'string', default: String(availableParallelism()) },
      check: { type: 'boolean', default: false },
    },
  });
  const problems = checkMutants();
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
  if (problems.length > 0 || values.check) return;
  const waiting = MUTANTS.filter(({ name }) => name.includes(values.only));
  const count = waiting.length;
  const kept = /** @type {readonly { seed: number, mutant?: string }[]} */ (
    JSON.parse(read('tests/sim/kept-seeds.json'))
  );
  const fixed = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1);
  const survivors = /** @type {string[]} */ ([]);
  const folder = makeFolder();
  const turn = async (/** @type {number} */ worker) => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const chosen = mutant;
      const path = await bundleSimulation(folder, {
        name: `mutant-${worker}`,
        replace: new Map([[chosen.file, (source) => applyMutant(chosen, source)]]),
      });
      const own = kept.filter(({ mutant: name }) => name === chosen.name).map(({ seed }) => seed);
      const { outcome, seed, why } = await run(path, [...own, ...fixed]);
      if (outcome !== 'killed') survivors.push(chosen.name);
      console.log(
        `${outcome.padEnd(8)} | ${chosen.name} | ${outcome === 'SURVIVED' ? '' : `seed ${seed}: ${why}`}`,
      );
    }
  };
  try {
    await Promise.all(
      Array.from({ length: Math.max(1, Number(values.processes)) }, (_, worker) => turn(worker)),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${count - survivors.length} of ${count} mutants killed`);
  for (const name of survivors) console.log(`not killed: ${name}`);
  process.exitCode = survivors.length > 0 || count === 0 ? 1 : 0;
}

/** @param {string} path @param {readonly number[]} seeds @returns {Promise<Verdict>} */
function run(path, seeds) {
  return new Promise((resolve) => {
    const child = fork(import.meta.filename, ['--worker', path, JSON.stringify(seeds)]);
    let seed = 0;
    let why = '';
    let heard = Date.now();
    const watch = setInterval(() => {
      if (Date.now() - heard < SILENCE_MS) return;
      why = 'it does not end';
      child.kill('SIGKILL');
    }, 5_000);
    child.on('message', (/** @type {{ seed: number, why?: string }} */ message) => {
      heard = Date.now();
      seed = message.seed;
      why = (message.why ?? '').slice(0, 110);
    });
    child.on('exit', (code) => {
      clearInterval(watch);
      if (why !== '') resolve({ outcome: 'killed', seed, why });
      else if (code === 0) resolve({ outcome: 'SURVIVED', seed, why });
      else resolve({ outcome: 'FAILED', seed, why: `the process ended with ${code}` });
    });
  });
}

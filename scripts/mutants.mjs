/**
 * `npm run mutants`: proves that the simulation would notice. Each mutant is one defect: a text of one file that is replaced while the
 * simulation is bundled (the working tree is never touched). Fixed seeds run until one fails (killed) or all pass (survived). A text
 * that does not stand in its file exactly once is an error: the list has to follow the code.
 *
 *   node scripts/mutants.mjs [--only <part of a name>] [--seeds 600] [--check]
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT } from './lib/files.mjs';
import { bundleSimulation, makeFolder } from './lib/sim-bundle.mjs';

/** @typedef {{ name: string, file: string, text: string, replacement: string }} Mutant */

const HUB = 'packages/hub/src';
const CLIENT = 'packages/client/src';

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
    text: 'else if (position.epoch !== at.epoch) {',
    replacement: "else if (position.epoch === '-') {",
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
    text: 'if (position.epoch === at.epoch && position.offset === at.offset) continue;',
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
    name: 'the position of a subscribe is ignored',
    file: `${HUB}/router/handlers.ts`,
    text: '...(command.recover ? { recover: command.recover } : {}),',
    replacement: '',
  },
  {
    name: "a module's permission is not asked",
    file: `${HUB}/router/authorise.ts`,
    text: 'if (!allowed || !namespace || !(await permittedByModule(deps, namespace, request))) {',
    replacement: 'if (!allowed || !namespace) {',
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
    name: 'the SDK trusts a top behind its own position',
    file: `${CLIENT}/continuity.ts`,
    text: 'const continues = held && top && sameEpoch(held, top) && held.offset <= top.offset;',
    replacement: 'const continues = held && top && sameEpoch(held, top);',
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
    name: 'a publication is delivered before its commit',
    file: 'tests/sim/durable.ts',
    text: `    await this.#time.sleep(this.#dice.between(0, this.faults.commitMs));
    const raced`,
    replacement: `    const early = { offset: this.#log(channel).kept.length + 1, data };
    for (const broker of this.#brokers()) void broker.carry(channel, early, this.#log(channel).epoch).catch(() => undefined);
    await this.#time.sleep(5 + this.#dice.between(0, this.faults.commitMs));
    const raced`,
  },
  {
    name: 'an effect takes place each time it is asked for',
    file: 'tests/sim/durable.ts',
    text: 'if (raced) return raced;',
    replacement: 'void raced;',
  },
];

/** The file with the defect. Throws where the text does not stand there exactly once. @param {Mutant} mutant @param {string} source */
export function applyMutant({ name, file, text, replacement }, source) {
  const found = source.split(text).length - 1;
  if (found !== 1) throw new Error(`mutant '${name}': its text stands ${found} times in ${file}, not once`);
  return source.replace(text, () => replacement);
}

/** @param {string} path */
const read = (path) => readFileSync(join(ROOT, path), 'utf8');

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: { only: { type: 'string', default: '' }, seeds: { type: 'string', default: '600' }, check: { type: 'boolean' } },
  });
  const chosen = MUTANTS.filter(({ name }) => name.includes(values.only));
  for (const mutant of chosen) applyMutant(mutant, read(mutant.file));
  if (values.check !== true) await runAll(chosen, Number(values.seeds));
}

/** @param {readonly Mutant[]} mutants @param {number} seeds */
async function runAll(mutants, seeds) {
  const folder = makeFolder();
  const survivors = [];
  try {
    for (const [index, mutant] of mutants.entries()) {
      const path = await bundleSimulation(folder, {
        name: `mutant-${index}`,
        replace: new Map([[mutant.file, (source) => applyMutant(mutant, source)]]),
      });
      const { runSeed } = await import(pathToFileURL(path).href);
      let killer = 0;
      let why = '';
      for (let seed = 1; seed <= seeds && killer === 0; seed++) {
        const { problems } = await runSeed(seed);
        if (problems.length === 0) continue;
        killer = seed;
        why = problems[0].slice(0, 110);
      }
      if (killer === 0) survivors.push(mutant.name);
      console.log(killer === 0 ? `SURVIVED  ${mutant.name}` : `killed    ${mutant.name}  (seed ${killer}: ${why})`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${mutants.length - survivors.length} of ${mutants.length} mutants killed`);
  process.exitCode = survivors.length > 0 ? 1 : 0;
}

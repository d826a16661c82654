/** What may happen in a world, by weight. Each operation says in words what it did; those words are the steps that a failure prints. */
import { CASES, ORGS, type Case } from './cases.js';
import { NO_FAULTS } from './engine.js';
import { CALM_DATABASE } from './database-engine.js';
import { REVOKED_MS, type World } from './world.js';
import { channelKey } from '@trunkline/protocol';

type Operation = (world: World) => string | undefined | Promise<string | undefined>;

const DURABLE_CASE = CASES.find(({ source }) => source === 'durable') as Case;

const WEIGHTS = {
  publish: 30,
  burst: 9,
  write: 16,
  burstOfWrites: 4,
  emit: 7,
  sourceState: 3,
  call: 7,
  callInTurn: 3,
  keep: 5,
  reload: 2,
  rush: 7,
  congest: 4,
  comeTogether: 3,
  pageThrough: 3,
  publishAsClient: 4,
  open: 8,
  close: 4,
  stall: 6,
  unstall: 6,
  cut: 4,
  halfOpen: 2,
  truncate: 2,
  crash: 2,
  start: 4,
  drain: 1,
  jump: 2,
  permission: 2,
  engine: 7,
  calm: 5,
  database: 4,
  databaseHang: 1,
  lose: 3,
  forget: 4,
  hang: 2,
  failOver: 2,
  restartClient: 2,
  newClient: 1,
  wait: 8,
} as const;

const OPERATIONS: Record<keyof typeof WEIGHTS, Operation> = {
  publish: (world) => publishSome(world, world.dice.between(1, 3)),
  burst: (world) => publishSome(world, world.dice.between(10, 60)),
  write: (world) => writeSome(world, world.dice.between(1, 3)),
  burstOfWrites: (world) => writeSome(world, world.dice.between(10, 40)),
  emit: (world) => {
    const items = world.cases.filter(({ source }) => source === 'local');
    if (items.length === 0) return undefined;
    const item = world.dice.pick(items);
    const count = world.dice.pick([1, 2, 30]);
    for (const org of ORGS) world.say(org, item, count);
    return `the sources of ${item.channel} say ${count}`;
  },
  sourceState: (world) => {
    const { dice, time } = world;
    const open = world.upNodes().flatMap((node) => [...node.sources.values()]);
    if (open.length === 0) return undefined;
    const source = dice.pick(open);
    if (dice.chance(0.4)) {
      if (source.map === undefined) source.emit.reset('the source lost its place');
      // Over the entries that it knows, or anew where it is not away.
      else if (source.brokenSince !== undefined || dice.chance(0.5))
        source.map.reset('the source lost its place');
      else source.map.load();
      source.epoch = '';
      return 'a source loses its place';
    }
    if (source.brokenSince === undefined) {
      source.brokenSince = time.monotonic();
      source.emit.state({ state: 'recovering', sinceMs: time.now(), reason: 'away' });
      return 'a source is away';
    }
    world.restore(source);
    return 'a source is back';
  },
  call: (world) => {
    const { dice } = world;
    const sdk = dice.pick(world.sdks);
    const data = world.payload(sdk.org, 'inbox:1', { effect: true });
    void sdk.call(`call-${sdk.name}-${data.n}`, 'inbox:1', data);
    return `${sdk.name} calls with ${data.n}`;
  },
  callInTurn: (world) => {
    const { dice } = world;
    const sdk = dice.pick(world.sdks);
    const payloads = Array.from({ length: dice.between(2, 5) }, () =>
      world.payload(sdk.org, 'inbox:1', { effect: true }),
    );
    void sdk.callInTurn(`turns-${payloads[0]?.n}`, 'inbox:1', payloads);
    return `${sdk.name} calls in turn with ${payloads.map(({ n }) => n).join()}`;
  },
  keep: (world) => {
    const { dice } = world;
    const sdk = dice.pick(world.sdks);
    const payloads = Array.from({ length: dice.between(1, 4) }, () =>
      world.payload(sdk.org, 'inbox:1', { effect: true }),
    );
    for (const data of payloads) void sdk.device.add('inbox:1', data);
    if (dice.chance(0.15)) {
      // They cannot leave, and while they wait to try again the clock is set back.
      world.database.awayUntil = world.time.monotonic() + 4_000;
      world.engine.disturb();
      world.time.setTimeout(() => world.time.jumpWall(-3_600_000), dice.between(1_000, 4_000));
    }
    // The page may not live to see them leave.
    const dies = dice.chance(0.3);
    if (dies)
      world.time.setTimeout(() => world.sdks.includes(sdk) && world.reload(sdk), dice.between(0, 300));
    return `${sdk.name} keeps calls with ${payloads.map(({ n }) => n).join()}${dies ? ' and its page dies' : ''}`;
  },
  reload: (world) => {
    const sdk = world.dice.pick(world.sdks);
    world.reload(sdk);
    return `the page of ${sdk.name} is loaded again`;
  },
  rush: (world) => world.rush(),
  congest: (world) => world.congest(),
  comeTogether: (world) => world.comeTogether(),
  pageThrough: (world) => world.pageThrough(),
  publishAsClient: (world) => {
    const { dice } = world;
    const live = world.cases.filter(({ kind, source }) => kind === 'stream' && source === 'live');
    if (live.length === 0) return undefined;
    const item = dice.pick(live);
    if (dice.chance(0.5)) {
      const bare = dice.pick(world.bares);
      bare.publish(item.channel, world.payload(bare.org, item.channel));
      return `${bare.name} publishes to ${item.channel}`;
    }
    const sdk = dice.pick(world.sdks);
    void world.attempt(
      'a publish of a client',
      sdk.client.publish(item.channel, world.payload(sdk.org, item.channel)),
    );
    return `${sdk.name} publishes to ${item.channel}`;
  },
  open: (world) => {
    const { dice } = world;
    if (dice.chance(0.5)) {
      const sdk = dice.pick(world.sdks);
      const item = dice.pick(world.cases);
      sdk.open(item);
      return `${sdk.name} opens ${item.channel}`;
    }
    const bare = dice.pick(world.bares);
    const item = world.bareCase();
    bare.open(item);
    // Where an answer takes its time, whoever leaves and comes again overtakes it easily.
    if (item.source !== 'durable') return `${bare.name} opens ${item.channel}`;
    for (let turns = dice.between(1, 6), atMs = 0; turns > 0; turns--) {
      atMs += dice.between(0, 40);
      world.time.setTimeout(() => {
        bare.close(item.channel);
        bare.open(item);
      }, atMs);
    }
    return `${bare.name} opens ${item.channel}, leaves it and comes again, and again`;
  },
  close: (world) => {
    const client = world.dice.pick([...world.sdks, ...world.bares]);
    const [channel] = client.readers.keys();
    if (channel === undefined || client.readers.size < 2) return undefined;
    client.close(channel);
    return `${client.name} closes ${channel}`;
  },
  stall: (world) => onLink(world, 'stops reading', (link) => link.stallDown(true)),
  unstall: (world) => {
    for (const link of world.links()) link.stallDown(false);
    return 'everybody reads';
  },
  cut: (world) => onLink(world, 'is cut', (link) => link.cut()),
  halfOpen: (world) => onLink(world, 'is half-open', (link) => link.halfOpen()),
  truncate: (world) =>
    onLink(world, 'loses the end of a frame', (link) =>
      link.truncateNext(world.dice.pick(['up', 'down'] as const)),
    ),
  crash: async (world) => {
    const up = world.upNodes();
    if (up.length === 0) return undefined;
    const node = world.dice.pick(up);
    const silent = world.dice.chance(0.3);
    await node.crash(silent);
    return `node ${node.index} crashes${silent ? ' without a word' : ''}`;
  },
  start: async (world) => {
    const down = world.nodes.filter(({ up }) => !up);
    if (down.length === 0) return undefined;
    for (const node of down) await node.start();
    return 'all nodes start';
  },
  drain: (world) => {
    const up = world.upNodes();
    if (up.length === 0) return undefined;
    const node = world.dice.pick(up);
    void node.drain(world.dice.between(200, 4_000));
    return `node ${node.index} drains`;
  },
  jump: (world) => {
    const ms = world.dice.pick([-3_600_000, -5_000, 5_000, 3_600_000]);
    world.time.jumpWall(ms);
    return `the wall clock jumps by ${ms} ms`;
  },
  permission: async (world) => {
    const { dice, revokedAt } = world;
    const everybody = [...world.sdks, ...world.bares];
    const listening = everybody.filter(({ readers }) => readers.get('inbox:1')?.live === true);
    const client = dice.pick(listening.length > 0 && dice.chance(0.7) ? listening : everybody);
    if (revokedAt.has(client.user)) {
      revokedAt.delete(client.user);
      return `${client.name} may listen to inbox:1 again`;
    }
    const revoke = (): void => {
      if (world.healing) return;
      revokedAt.set(client.user, world.time.monotonic());
      for (const node of world.upNodes())
        void world.attempt(
          'an unsubscribe',
          node.hub.forOrg(client.org).unsubscribe('inbox:1', { user: client.user }),
        );
    };
    const sdk = world.sdks.find(({ name }) => name === client.name);
    if (world.permittedMs !== undefined && dice.chance(0.6)) {
      // Nobody says so: the hub has to ask.
      revokedAt.set(client.user, world.time.monotonic());
      await pass(world, REVOKED_MS + 1_000);
      world.say(client.org, DURABLE_CASE, 2);
      return `${client.name} may not listen to inbox:1 any more, and time passes`;
    }
    if (!sdk || dice.chance(0.5)) revoke();
    else {
      // While an answer waits for the publication that shows its effect.
      world.database.faults = { ...world.database.faults, messageMs: 900 };
      const data = world.payload(sdk.org, 'inbox:1', { effect: true });
      void sdk.call(`call-${sdk.name}-${data.n}`, 'inbox:1', data);
      world.time.setTimeout(revoke, dice.between(0, 4_000));
    }
    return `${client.name} may not listen to inbox:1 any more`;
  },
  engine: (world) => {
    const { dice, engine } = world;
    const kind = dice.pick(['fails', 'slow', 'lossy', 'late'] as const);
    if (kind === 'fails') engine.faults = { ...engine.faults, failBefore: 0.1, failAfter: 0.15 };
    if (kind === 'slow')
      engine.faults = {
        ...engine.faults,
        readMs: dice.pick([300, 2_000, 4_000]),
        callMs: dice.pick([50, 800]),
      };
    if (kind === 'lossy') engine.faults = { ...engine.faults, drop: 0.2, repeat: 0.2 };
    if (kind === 'late') engine.faults = { ...engine.faults, deliverMs: dice.pick([100, 800, 3_000]) };
    return `the engine is ${kind}`;
  },
  calm: (world) => {
    world.engine.faults = { ...NO_FAULTS };
    world.database.faults = { ...CALM_DATABASE };
    return 'engine and database are well';
  },
  database: (world) => {
    const { dice, database } = world;
    database.faults = {
      messageMs: dice.pick([2, 100, 900]),
      lose: dice.pick([0, 0.1, 0.3]),
      conflict: dice.pick([0, 0.1]),
      loseWake: dice.pick([0, 0.5]),
    };
    return `the database misbehaves: ${JSON.stringify(database.faults)}`;
  },
  databaseHang: (world) => {
    const { dice, database, time } = world;
    const ms = dice.between(500, 8_000);
    const away = dice.chance(0.5);
    if (away) database.awayUntil = time.monotonic() + ms;
    else database.hangsUntil = time.monotonic() + ms;
    world.engine.disturb();
    return `the database ${away ? 'is away' : 'hangs'} for ${ms} ms`;
  },
  lose: (world) => {
    const nodes = [...world.engine.nodes];
    if (nodes.length === 0) return undefined;
    const ms = world.dice.between(20, 4_000);
    world.dice.pick(nodes).lose(ms);
    return `a node loses the engine for ${ms} ms`;
  },
  forget: (world) => {
    const { dice } = world;
    if (!world.forgetful) return undefined;
    if (dice.chance(0.6)) {
      world.forgetBetween();
      return 'the engine forgets everything in the midst of much';
    }
    const told = dice.chance(0.6);
    world.everForgot = true;
    world.everWentBack = true;
    world.engine.forget(told);
    return `the engine forgets everything${told ? '' : ' and keeps its connections'}`;
  },
  hang: (world) => {
    const ms = world.dice.between(500, 8_000);
    // Not while nodes find out what was lost.
    if (world.engine.readOnlyUntil > world.time.monotonic()) return undefined;
    world.engine.hangsUntil = world.time.monotonic() + ms;
    world.engine.disturb();
    return `the engine hangs for ${ms} ms`;
  },
  failOver: async (world) => {
    if (!world.forgetful) return undefined;
    const count = world.dice.between(1, 12);
    world.everForgot = true;
    world.everWentBack = true;
    await world.engine.failOver(count);
    // Whoever stays away until others were given the lost offsets cannot tell: such a page is loaded again.
    for (const sdk of [...world.sdks]) if (sdk.client.state.get().kind === 'disconnected') world.reload(sdk);
    return `the engine loses its last ${count} writes`;
  },
  restartClient: (world) => {
    const sdk = world.dice.pick(world.sdks);
    if (sdk.client.state.get().kind === 'disconnected' || sdk.client.state.get().kind === 'failed') {
      sdk.client.connect();
      return `${sdk.name} connects`;
    }
    if (world.engine.readOnlyUntil > world.time.monotonic()) return undefined;
    sdk.client.disconnect();
    return `${sdk.name} disconnects`;
  },
  newClient: (world) => {
    if (world.sdks.length + world.bares.length > 8) return undefined;
    return `${(world.dice.chance(0.5) ? world.addSdk() : world.addBare()).name} comes`;
  },
  wait: async (world) => {
    const ms = world.dice.pick([2_000, 6_000, 15_000]);
    await pass(world, ms);
    return `${ms} ms pass`;
  },
};

/** Lets time pass, with a look at the invariants every two seconds. */
async function pass(world: World, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 2_000) {
    await world.time.advance(2_000);
    world.check();
  }
}

/** Does one thing, notes it, lets a little time pass and checks the invariants. */
export async function step(world: World): Promise<void> {
  const { dice, time } = world;
  const name = dice.weighted(WEIGHTS);
  const said = await OPERATIONS[name](world);
  if (said !== undefined) world.steps.push(`${String(Math.round(time.monotonic())).padStart(7)}  ${said}`);
  await time.advance(dice.pick([0, 0, 1, 5, 30, 200, 800]));
  world.check();
}

function publishSome(world: World, count: number): string | undefined {
  const { dice } = world;
  const up = world.upNodes();
  if (up.length === 0) return undefined;
  const streams = world.cases.filter(({ kind }) => kind === 'stream');
  const item = dice.pick(streams);
  const org = dice.pick(ORGS);
  for (let n = 0; n < count; n++) world.publish(dice.pick(up), org, item);
  return `${count} to ${org}/${item.channel}`;
}

function writeSome(world: World, count: number): string | undefined {
  const { dice } = world;
  const up = world.upNodes();
  if (up.length === 0) return undefined;
  const maps = world.cases.filter(({ kind }) => kind === 'map');
  if (maps.length === 0) return undefined;
  const item = dice.pick(maps);
  const org = dice.pick(ORGS);
  for (let n = 0; n < count; n++) world.writeMap(dice.pick(up), org, item);
  return `${count} writes to ${org}/${item.channel}`;
}

function onLink(
  world: World,
  what: string,
  act: (link: ReturnType<World['links']>[number]) => void,
): string | undefined {
  const clients = [...world.sdks, ...world.bares].filter(({ link }) => link?.open);
  if (clients.length === 0) return undefined;
  const client = world.dice.pick(clients);
  if (!client.link) return undefined;
  act(client.link);
  return `${client.name} ${what}`;
}

/** The key a step speaks of, for tests that watch one channel. */
export function keyOf(org: string, channel: string): string {
  return channelKey(org, channel);
}

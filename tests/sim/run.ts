/** Runs one seed from beginning to end. */
import { step } from './operations.js';
import { World } from './world.js';

export interface Outcome {
  readonly seed: number;
  readonly problems: readonly string[];
  readonly steps: readonly string[];
  /** How harsh and how useful the world was. */
  readonly given: number;
  readonly told: number;
  readonly nodes: number;
  /** Publications of durable channels, and nodes that handed some of them to the broker. */
  readonly committed: number;
  readonly dispatchers: number;
}

export interface RunOptions {
  /** Operations. Default 70. */
  readonly steps: number;
  /** Called with each step, for whoever watches. */
  readonly onStep?: (said: string) => void;
}

export async function runSeed(
  seed: number,
  { steps = 70, onStep }: Partial<RunOptions> = {},
): Promise<Outcome> {
  const world = new World(seed);
  const restore = world.time.install(seed);
  const escaped = (error: unknown): void =>
    world.problem(`escaped: ${String(error instanceof Error ? error.stack : JSON.stringify(error))}`);
  process.on('unhandledRejection', escaped);
  try {
    await world.build();
    await world.time.advance(200);
    let last = 0;
    for (let count = 0; count < steps && world.problems.length === 0; count++) {
      await step(world);
      for (; last < world.steps.length; last++) onStep?.(world.steps[last] ?? '');
    }
    if (world.problems.length === 0) await world.heal();
  } catch (error) {
    escaped(error);
  }
  try {
    const judges = [...world.sdks, ...world.bares].flatMap((client) => [...client.readers.values()]);
    const counts = judges.map((reader) => (reader as { judge?: { given: number; tellings: number } }).judge);
    const { committed, dispatchers } = world.database.database;
    return {
      seed,
      problems: [...world.problems],
      steps: world.steps,
      given: counts.reduce((sum, judge) => sum + (judge?.given ?? 0), 0),
      told: counts.reduce((sum, judge) => sum + (judge?.tellings ?? 0), 0),
      nodes: world.nodes.length,
      committed,
      dispatchers: dispatchers.size,
    };
  } finally {
    await world.dispose();
    process.off('unhandledRejection', escaped);
    restore();
  }
}

/** What a failure prints. */
export function describeOutcome({ seed, problems, steps }: Outcome): string {
  return [
    `seed ${seed}, run alone by: TRUNKLINE_SIM_SEED=${seed} npx vitest run --project system tests/sim`,
    ...problems.map((problem) => `  ! ${problem}`),
    ...steps.map((one) => `    ${one}`),
  ].join('\n');
}

/** How live windows are kept, with defaults and the reason for each. */
import { mergeOptions, requireNumber } from '@trunkline/base';

export interface WindowsOptions {
  /** Shortest time between two cuts of a question, in milliseconds; what happens in between is one publication. Default 100: an eye sees no difference. */
  readonly turnMs: number;
  /** How long a window stays up after its last reader, in milliseconds. Default 5,000: who scrolls back finds it, and its order, as it was. */
  readonly lingerMs: number;
  /** How long a question stays in the engine after its last window, in milliseconds. Default 30,000, as the reflector behind it does: reading 100,000 objects again costs seconds. */
  readonly questionLingerMs: number;
  /** How long a window is known that nobody reads, in milliseconds. Default 30,000: a subscription follows the call that made it at once. */
  readonly unusedMs: number;
  /** Windows of one user, and of one org, that are known at once. Defaults 200 and 2,000. Those that nobody reads make room. */
  readonly maxPerUser: number;
  readonly maxPerOrg: number;
  /** Paths and sets of fields that the windows of an org want of one kind, at once. Default 64: each is kept for every row of the list. */
  readonly maxWishes: number;
  /** Questions of one window: clusters times namespaces. Default 100. */
  readonly maxQuestions: number;
  /** After which time a window that does not show all should be asked for again, in milliseconds. Default 30,000, as for lists. */
  readonly askAgainMs: number;
  /** Bytes of objects in one message to the engine. Default 262,144: copying them takes a tenth of a millisecond. */
  readonly partMaxBytes: number;
  /** Bytes on their way to the engine. Default 1,048,576: enough for it not to wait. */
  readonly inFlightMaxBytes: number;
  /** How long the first state of a window waits for its lists to be loaded, in milliseconds; then it says that they are loading. Default 3,000. */
  readonly loadWaitMs: number;
  /** How long the engine may take for an answer, in milliseconds. Default 10,000. */
  readonly answerTimeoutMs: number;
  /** Memory of the engine's heap in MiB; it is begun anew when it needs more. Default 2,048. */
  readonly engineMemoryMb: number;
}

export const WINDOWS_DEFAULTS: WindowsOptions = {
  turnMs: 100,
  lingerMs: 5_000,
  questionLingerMs: 30_000,
  unusedMs: 30_000,
  maxPerUser: 200,
  maxPerOrg: 2_000,
  maxWishes: 64,
  maxQuestions: 100,
  askAgainMs: 30_000,
  partMaxBytes: 262_144,
  inFlightMaxBytes: 1_048_576,
  loadWaitMs: 3_000,
  answerTimeoutMs: 10_000,
  engineMemoryMb: 2_048,
};

/** Throws a RangeError that names a bad option. */
export function resolveWindowsOptions(given?: Partial<WindowsOptions>): WindowsOptions {
  const options = mergeOptions(WINDOWS_DEFAULTS, given);
  const least: Partial<Record<keyof WindowsOptions, number>> = {
    turnMs: 0,
    lingerMs: 0,
    questionLingerMs: 0,
    loadWaitMs: 0,
    engineMemoryMb: 16,
  };
  for (const field of Object.keys(WINDOWS_DEFAULTS) as (keyof WindowsOptions)[])
    requireNumber(`windows.${field}`, options[field], least[field] ?? 1);
  return options;
}

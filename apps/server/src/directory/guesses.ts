/**
 * How often one address may make this node ask the store about credentials that turn out wrong: API keys, cookies and links that anybody can make up. What is
 * right gives its attempt back, and what was right lately is not asked about at all, so that only guessing is slowed down.
 */
import type { Clock } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { addressBlock, createAttemptLimiter } from '@trunkline/transport';

export interface GuessesOptions {
  /** Wrong ones at once, per address (of IPv6 its /64). Default 300: an office whose sessions all ended does not notice. */
  readonly burst: number;
  /** Then so many per second. Default 5. */
  readonly perSecond: number;
}

export const GUESSES_DEFAULTS: GuessesOptions = { burst: 300, perSecond: 5 };

export interface Guesses {
  /** Throws `tooManyRequests` (111) where the address has none left. */
  take(address: string): void;
  /** It was no guess. */
  giveBack(address: string): void;
  /** What `look` finds, counted where that is nothing. A failure counts. */
  of<T>(address: string, look: () => Promise<T | undefined>): Promise<T | undefined>;
}

const MAX_ADDRESSES = 10_000;

export function createGuesses(
  { clock }: { readonly clock: Clock },
  given: Partial<GuessesOptions> = {},
): Guesses {
  const limiter = createAttemptLimiter({ clock }, { ...GUESSES_DEFAULTS, ...given, maxKeys: MAX_ADDRESSES });
  const take = (address: string): void => {
    if (!limiter.take(addressBlock(address)))
      throw new CodedError('tooManyRequests', 'wrong credentials of this address');
  };
  const giveBack = (address: string): void => limiter.giveBack(addressBlock(address));
  return {
    take,
    giveBack,
    async of(address, look) {
      take(address);
      const found = await look();
      if (found !== undefined) giveBack(address);
      return found;
    },
  };
}

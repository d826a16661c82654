/** The directory in the way of credentials: keys of the store beside those of the configuration, and users who are kept out whoever vouches for them. */
import type { Directory } from '@trunkline/module-directory';
import { DIRECTORY_CODES } from '@trunkline/contracts/directory';
import type { Authenticator, Principal } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { keyOf, type ApiKeys } from '../auth/api-keys.js';
import type { ApiKeyVerifier } from '../http/ports.js';
import type { Guesses } from './guesses.js';

/** Configured keys come first: they work whatever the store does, and however many wrong ones came from the same address. */
export function withStoredKeys(
  configured: ApiKeys,
  { keyCache }: Pick<Directory, 'keyCache'>,
  guesses: Guesses,
): ApiKeyVerifier {
  const verifyStored = async (key: string, address: string): ReturnType<typeof keyCache.verify> => {
    let isGuess = false;
    const found = await keyCache.verify(key, () => {
      guesses.take(address);
      isGuess = true;
    });
    if (found && isGuess) guesses.giveBack(address);
    return found;
  };
  return {
    verify: (headerValue, address = '') => {
      const known = configured.verify(headerValue);
      if (known || headerValue === undefined) return known;
      return verifyStored(keyOf(headerValue), address);
    },
  };
}

/** Refuses users whom the directory disabled (1202 as the reason of 101, which closes for good), in the orgs that they are members of. */
export function withoutDisabled(
  authenticator: Authenticator,
  { watch }: Pick<Directory, 'watch'>,
): Authenticator {
  const check = <P extends Pick<Principal, 'user' | 'org' | 'roles'>>(principal: P): P => {
    if (watch.isDisabled(principal))
      throw new CodedError('unauthorized', DIRECTORY_CODES.userDisabled.message);
    return principal;
  };
  return {
    authenticate: async (credentials) => {
      const authenticated = await authenticator.authenticate(credentials);
      check(authenticated.principal);
      return authenticated;
    },
    refresh: async (token, current) => check(await authenticator.refresh(token, current)),
    verifyChannelToken: (token, principal) => authenticator.verifyChannelToken(token, principal),
  };
}

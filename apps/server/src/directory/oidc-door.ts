/** Sign-in with the configured identity provider into the directory. */
import type { Clock, Logger } from '@trunkline/base';
import type { Directory } from '@trunkline/module-directory';
import type { Config } from '../config/schema.js';
import type { OidcDoor } from '../http/ports.js';

export interface DirectoryOidcDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: Directory;
  readonly publicUrl: () => string;
}

/** Undefined where no provider is configured; its library is loaded only where one is. The provider is asked when somebody signs in, not before. */
export async function openOidcDoor(
  { directory, ...deps }: DirectoryOidcDeps,
  { auth: { oidc } }: Config,
  secure: boolean,
): Promise<OidcDoor | undefined> {
  const { issuer, clientId, clientSecret, timeout: timeoutMs, claims, ...rest } = oidc;
  if (issuer === undefined || clientId === undefined) return undefined;
  const admit = async (...given: Parameters<Directory['signIn']['withProvider']>): Promise<string> =>
    (await directory.signIn.withProvider(...given)).id;
  const { createOidcDoor } = await import('../auth/oidc.js');
  return createOidcDoor(
    { ...deps, secrets: () => directory.secrets.derive('sign-in attempts'), admit },
    {
      ...rest,
      issuer,
      clientId,
      clientSecret,
      timeoutMs,
      secure,
      claims: { ...claims, orgs: claims.orgs, roles: claims.roles },
    },
  );
}

export { createApiKeys, type ApiKeyIdentity, type ApiKeyOptions, type ApiKeys } from './api-keys.js';
export {
  createTokenAuthenticator,
  type InternalIssuer,
  type TokenAuthenticatorDeps,
} from './authenticator.js';
export {
  CONSOLE_ISSUER,
  CONSOLE_SESSIONS_DEFAULTS,
  createConsoleSessions,
  type ConsoleIdentity,
  type ConsoleSessions,
  type ConsoleSessionsOptions,
  type ConsoleToken,
} from './console-sessions.js';
export {
  HMAC_ALGORITHMS,
  MIN_SECRET_BYTES,
  PUBLIC_ALGORITHMS,
  type TokenAlgorithm,
  type TokenKeyOptions,
} from './keys.js';
export { mintToken, type MintOptions, type SigningKey, type TokenClaims } from './mint.js';
export {
  resolveTokenAuthenticatorOptions,
  TOKEN_AUTHENTICATOR_DEFAULTS,
  type TokenAuthenticatorOptions,
} from './options.js';

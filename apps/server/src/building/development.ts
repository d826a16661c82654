/** What a development server leaves for the command line: where it is, its key, and a token of an operator. */
import { resolve } from 'node:path';
import type { Clock, DisposeStack } from '@trunkline/base';
import { mintToken } from '../auth/mint.js';
import type { ResolvedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { removeDevState, writeDevState } from '../dev-state.js';

export const DEV_ISSUER = 'trunkline-development';
const DEV_TOKEN_SECONDS = 30 * 24 * 3_600;

export function devOrg({ auth }: Config): string {
  return auth.defaultOrg ?? 'dev';
}

/** Removed when the server ends. @returns where it lies */
export async function leaveDevState(
  { clock, stack }: { readonly clock: Clock; readonly stack: DisposeStack },
  { values, cwd }: ResolvedConfig,
  url: string,
  apiKey: string,
): Promise<string> {
  const org = devOrg(values);
  const signing = { clock, key: { algorithm: 'HS256' as const, secret: apiKey }, issuer: DEV_ISSUER };
  const claims = { sub: 'developer', org, roles: ['operator', 'admin'] };
  const token = await mintToken(signing, claims, DEV_TOKEN_SECONDS);
  const path = writeDevState(resolve(cwd, values.dataDir), { url, apiKey, token, org, pid: process.pid });
  stack.defer(() => removeDevState(path, process.pid));
  return path;
}

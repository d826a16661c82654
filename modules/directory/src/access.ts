/** Who may ask the directory what. A refusal says nothing of what is asked about: roles are looked at before anything else is. */
import type { ChannelAction, Principal } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';

export const DIRECTORY_NAMESPACE = 'directory';
export const CHANGES = `${DIRECTORY_NAMESPACE}:changes`;

/** `known`: anybody who is somebody. */
export type Access = 'known' | 'admin' | 'operator';

export function isOperator({ roles }: Pick<Principal, 'roles'>): boolean {
  return roles.includes('operator');
}

/** Throws `permissionDenied`. An operator is an administrator of the org that the credential names. */
export function requireAccess(principal: Pick<Principal, 'roles' | 'user'>, access: Access): void {
  const may =
    access === 'known'
      ? principal.user !== ''
      : isOperator(principal) || (access === 'admin' && principal.roles.includes('admin'));
  if (!may) throw new CodedError('permissionDenied');
}

/** Administrators read what changes in their org; nobody publishes but the module. */
export function mayUseChannel({ roles }: Principal, channel: string, action: ChannelAction): boolean {
  return (
    channel === CHANGES && action !== 'publish' && (roles.includes('admin') || roles.includes('operator'))
  );
}

/**
 * Who may see what of a node. An operator sees the node and works in the org of their credential; an administrator sees that org; all
 * others see nothing. The channel with the node's numbers is closed to administrators on every way in, the history call included.
 */
import { CodedError } from '@trunkline/protocol';
import type { ChannelAction, Principal } from '@trunkline/hub';

export const NODE_NAMESPACE = 'node';
export const NODE_STATS = 'node:stats';
export const ORG_STATS = 'node:org-stats';
export const EVENTS = 'node:events';

export function isOperator(principal: Principal): boolean {
  return principal.roles.includes('operator');
}

function isAdministrator(principal: Principal): boolean {
  return isOperator(principal) || principal.roles.includes('admin');
}

/** The module's rule for its own channels: reading only, and each scope to those it is for. */
export function mayUseChannel(principal: Principal, channel: string, action: ChannelAction): boolean {
  if (action !== 'subscribe' && action !== 'history') return false;
  if (channel === NODE_STATS) return isOperator(principal);
  return (channel === ORG_STATS || channel === EVENTS) && isAdministrator(principal);
}

/** Throws 103 unless the caller is an administrator or an operator. */
export function requireAdministrator(principal: Principal): void {
  if (!isAdministrator(principal))
    throw new CodedError('permissionDenied', 'role admin or operator is needed');
}

/** Throws 103 unless the caller is an operator: what concerns the whole node. */
export function requireOperator(principal: Principal): void {
  if (!isOperator(principal)) throw new CodedError('permissionDenied', 'role operator is needed');
}

/** Whether the contents of a channel are for this caller, whatever the org's API would hand out. */
export function isReadable(principal: Principal, channel: string): boolean {
  return !inNodeNamespace(channel) || mayUseChannel(principal, channel, 'history');
}

/** Throws 103 where they are not. */
export function requireReadable(principal: Principal, channel: string): void {
  if (!isReadable(principal, channel)) throw new CodedError('permissionDenied');
}

/** Throws 103 for the module's own channels: only their sources write there. */
export function requireWritable(channel: string): void {
  if (inNodeNamespace(channel)) throw new CodedError('permissionDenied');
}

function inNodeNamespace(channel: string): boolean {
  return channel === NODE_NAMESPACE || channel.startsWith(`${NODE_NAMESPACE}:`);
}

/**
 * May this principal do this to that channel? Asked in one place for every command: namespace permission, then the token's
 * capabilities, then the module's own rule. A name that no namespace covers, a forbidden one and one of another shape are refused with
 * the same words (spec WALL-3), and every refusal is counted.
 */
import { CodedError, isChannelName, type SubscriptionType } from '@trunkline/protocol';
import { withDeadline } from '../channels/deadline.js';
import { inAudience, type Namespace } from '../channels/namespaces.js';
import type { ChannelAction, Permission } from '../ports/module.js';
import type { CapabilityRight, Principal } from '../ports/principal.js';
import type { Audience, NamespaceOptions } from '../ports/namespace.js';
import type { RouterDeps } from './deps.js';

const RIGHTS: Record<ChannelAction, CapabilityRight> = {
  subscribe: 'sub',
  publish: 'pub',
  presence: 'prs',
  history: 'hst',
};

const AUDIENCES: Record<ChannelAction, (options: NamespaceOptions) => readonly Audience[]> = {
  subscribe: (options) => options.allowSubscribe,
  publish: (options) => options.allowPublish,
  presence: (options) => options.allowPresence,
  history: (options) => options.allowHistory,
};

export interface AuthoriseRequest {
  readonly principal: Principal;
  readonly channel: string;
  readonly action: ChannelAction;
  /** Whether the asking client is subscribed to the channel. */
  readonly subscribed: boolean;
  /** A verified channel token or the server itself stands for the permission. */
  readonly granted?: boolean;
  /** Whether it is about a subscription that is there. Default false. */
  readonly stays?: boolean;
}

export interface Authorised {
  readonly namespace: Namespace;
  /** The monotonic time up to which this is known; absent: until something says otherwise. */
  readonly knownUntilMs?: number;
}

/**
 * The channel's namespace, and for how long the answer is good. Throws `badRequest` for what is no channel name, what the module says where it has words of its own,
 * `permissionDenied` for everything else.
 */
export async function authorise(
  deps: Pick<RouterDeps, 'clock' | 'namespaces' | 'options' | 'counters'>,
  request: AuthoriseRequest,
): Promise<Authorised> {
  const { principal, channel, action } = request;
  if (!isChannelName(channel, deps.options.limits.maxChannelLength)) {
    throw new CodedError(
      'badRequest',
      `channel must be 1 to ${deps.options.limits.maxChannelLength} printable characters`,
    );
  }
  const namespace = deps.namespaces.find(channel);
  const allowed =
    namespace !== undefined &&
    (request.granted === true ||
      deps.options.insecure ||
      inAudience(AUDIENCES[action](namespace.options), principal, request.subscribed) ||
      hasCapability(principal, channel, RIGHTS[action]));
  if (allowed && namespace) {
    const asked = deps.clock.monotonic();
    const permission = await permittedByModule(deps, namespace, request);
    if (typeof permission === 'object') return { namespace, knownUntilMs: asked + permission.recheckMs };
    if (permission) return { namespace };
  }
  deps.counters.denials++;
  throw new CodedError('permissionDenied');
}

/** Whether somebody decided; the other failures may be over in a moment. */
export function isRefusal(cause: unknown): boolean {
  return cause instanceof CodedError && !cause.temporary;
}

/** The module's own rule; one that does not answer in time costs a temporary error, not a command that hangs. */
function permittedByModule(
  deps: Pick<RouterDeps, 'clock' | 'options'>,
  namespace: Namespace,
  { principal, channel, action, stays = false }: AuthoriseRequest,
): Permission | Promise<Permission> {
  const decided = namespace.module?.authorise?.(principal, channel, action, stays) ?? true;
  if (!(decided instanceof Promise)) return decided;
  return withDeadline(
    deps.clock,
    decided,
    deps.options.subscribeDeadlineMs,
    () => new CodedError('sourceUnavailable', 'permission was not decided in time'),
    () => undefined,
  );
}

/** Whether a capability of the token covers the channel. */
export function hasCapability(principal: Principal, channel: string, right: CapabilityRight): boolean {
  for (const capability of principal.caps) {
    if (!capability.allow.includes(right)) continue;
    for (const pattern of capability.channels) {
      if (capability.match === 'exact' ? pattern === channel : matchesGlob(pattern, channel)) return true;
    }
  }
  return false;
}

/** `*` stands for any run of characters; linear in the text, whatever the pattern. */
export function matchesGlob(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  if (parts.length === 1) return pattern === text;
  const last = parts[parts.length - 1] ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last))
    return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Refuses a subscription type that is not the namespace's own. */
export function requireType(namespace: Namespace, type: SubscriptionType): void {
  if (namespace.options.type !== type)
    throw new CodedError('badRequest', `type must be '${namespace.options.type}' for this channel`);
}

/** The query of a list or watch, read once and checked the way the real server checks it: what contradicts itself is a 422. */
import { badRequest, invalid, StatusError } from '../model/status.js';
import { isTrue } from './request-info.js';

export interface ListOptions {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly limit: number;
  readonly continueToken: string;
  /** Undefined: not given. 0: any version will do. */
  readonly resourceVersion: number | undefined;
  readonly match: 'NotOlderThan' | 'Exact' | undefined;
  readonly sendInitialEvents: boolean | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly timeoutSeconds: number | undefined;
}

export function parseListOptions(query: URLSearchParams, watching: boolean, watchList: boolean): ListOptions {
  const match = query.get('resourceVersionMatch') ?? '';
  const initial = query.get('sendInitialEvents');
  const options: ListOptions = {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    limit: count(query, 'limit') ?? 0,
    continueToken: query.get('continue') ?? '',
    resourceVersion: version(query.get('resourceVersion')),
    match: match === 'NotOlderThan' || match === 'Exact' ? match : undefined,
    sendInitialEvents: initial === null || initial === '' ? undefined : isTrue(initial),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: count(query, 'timeoutSeconds'),
  };
  if (match !== '' && options.match === undefined)
    throw refuse(
      'resourceVersionMatch',
      `supported values: "Exact", "NotOlderThan"`,
      'FieldValueNotSupported',
    );
  if (watching) checkWatch(options, watchList);
  else checkList(options);
  return options;
}

function checkWatch({ sendInitialEvents, match }: ListOptions, watchList: boolean): void {
  if (sendInitialEvents === undefined) {
    if (match !== undefined)
      throw refuse(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      );
    return;
  }
  if (!watchList)
    throw refuse(
      'sendInitialEvents',
      'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
    );
  if (match !== 'NotOlderThan')
    throw refuse(
      'resourceVersionMatch',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
}

function checkList({ sendInitialEvents, match, resourceVersion, continueToken }: ListOptions): void {
  if (sendInitialEvents !== undefined)
    throw refuse('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  if (continueToken !== '' && resourceVersion !== undefined && resourceVersion !== 0)
    throw badRequest('specifying resource version is not allowed when using continue');
  if (match === undefined) return;
  if (continueToken !== '')
    throw refuse('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided');
  if (resourceVersion === undefined)
    throw refuse(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  if (match === 'Exact' && resourceVersion === 0)
    throw refuse('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
}

function refuse(field: string, why: string, reason = 'FieldValueForbidden'): Error {
  return invalid('ListOptions', 'meta.k8s.io', '', [{ reason, message: `Forbidden: ${why}`, field }]);
}

function version(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  // No refusal of the client but a failure inside: so does the real server.
  if (!/^\d{1,15}$/.test(text))
    throw new StatusError(500, '', `resourceVersion: Invalid value: "${text}": must be a number`);
  return Number(text);
}

function count(query: URLSearchParams, field: string): number | undefined {
  const text = query.get(field);
  if (text === null || text === '') return undefined;
  if (!/^\d{1,9}$/.test(text)) throw badRequest(`${field} must be a whole number, got "${text}"`);
  return Number(text);
}

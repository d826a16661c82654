/** All checks of `trunkline doctor`, one after the other. Each says what it found, and where it failed, the likely cause. */
import { duration } from '../format.js';
import { failed, type Check, type DoctorDeps, type DoctorOptions } from './check.js';
import { checkApi, clockSkew, get, reachAdvice, readiness, sourceWords } from './http-checks.js';
import { checkWire } from './wire-checks.js';

/** Yields each check as it is done. Never throws; ends early where nothing more can be checked. */
export async function* runChecks(
  deps: DoctorDeps,
  options: DoctorOptions,
): AsyncGenerator<Check, void, undefined> {
  const { io, settings } = deps;
  yield {
    check: 'settings',
    status: 'ok',
    detail: `${settings.url} (${sourceWords(settings)}), API key: ${settings.apiKey === undefined ? 'none' : 'yes'}, token: ${settings.token === undefined ? 'none' : 'yes'}`,
  };
  const live = await get(io, `${settings.url}/health/live`);
  if (live.kind === 'unreachable')
    return yield failed('reach', live.reason, 'unreachable', reachAdvice(settings));
  if (live.status === 404)
    return yield failed(
      'reach',
      `something answers, but it is no Trunkline server (HTTP status ${live.status})`,
      'unreachable',
      'Check the port and the path of --url; a proxy in front must pass /health, /api and /connection on.',
    );
  yield { check: 'reach', status: 'ok', detail: `answers in ${duration(live.tookMs)}` };
  yield await readiness(io, settings);
  yield clockSkew(live, io.clock.now());
  const api = await checkApi(deps);
  yield* api.checks;
  yield* checkWire(deps, options, api.usable);
}

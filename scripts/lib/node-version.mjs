/** The oldest Node this runs on. Kept apart, and in the plainest syntax, so that an old Node can still read it and say so. */
export const NEEDED = '20.19.0';

/** @param {string} version e.g. `v20.19.1` @returns {string | undefined} what to tell the user, or nothing */
export function nodeProblem(version) {
  const have = version.replace(/^v/, '').split('.').map(Number);
  const need = NEEDED.split('.').map(Number);
  for (let index = 0; index < 3; index++) {
    if (have[index] > need[index]) return undefined;
    if (have[index] < need[index])
      return (
        'Trunkline needs Node ' +
        NEEDED +
        ' or newer; this is ' +
        version +
        '. Install a current one from https://nodejs.org and run the command again.'
      );
  }
  return undefined;
}

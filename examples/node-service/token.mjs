/**
 * Signs a connection token as a back end would, for whoever is signed in there.
 *
 *   TRUNKLINE_TOKEN_SECRET=… node examples/node-service/token.mjs ada acme
 */
// #region token
import { SignJWT } from 'jose';

/** @param {string} user @param {string} org */
function connectionToken(user, org) {
  const secret = new TextEncoder().encode(process.env['TRUNKLINE_TOKEN_SECRET']);
  return new SignJWT({ org, roles: ['member'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setExpirationTime('10m')
    .sign(secret);
}
// #endregion token

const [user = 'ada', org = 'acme'] = process.argv.slice(2);
console.log(await connectionToken(user, org));

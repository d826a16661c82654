/**
 * An OpenID provider written by others (oidc-provider), whose people are in its environment: `PEOPLE` is a JSON object from account ids to claims, `REDIRECT`
 * the one address it sends browsers back to. Nobody types a password: `login_hint` says who it is.
 */
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const people = JSON.parse(process.env.PEOPLE);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'trunkline',
      client_secret: process.env.SECRET,
      redirect_uris: [process.env.REDIRECT],
      post_logout_redirect_uris: [new URL('/', process.env.REDIRECT).href],
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'one' }] },
  cookies: { keys: ['a secret of the tests'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, accountId) =>
    people[accountId] && { accountId, claims: () => ({ sub: accountId, ...people[accountId] }) },
  loadExistingGrant: async (ctx) => {
    const grant = new provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
});

const handle = provider.callback();
createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return handle(request, response);
  const { params } = await provider.interactionDetails(request, response);
  await provider.interactionFinished(request, response, { login: { accountId: params.login_hint } });
}).listen(port, '127.0.0.1');

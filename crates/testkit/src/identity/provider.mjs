// A real identity provider for tests. Whoever signs in as `name` is
// `name`, in the groups that follow a `+` in it.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { Provider } from 'oidc-provider';

const { PORT, REDIRECT, CLIENT, SECRET } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  clients: [
    {
      client_id: CLIENT,
      client_secret: SECRET,
      redirect_uris: [REDIRECT],
      post_logout_redirect_uris: [REDIRECT.replace('/api/v1/session/oidc/callback', '/sign-in')],
      backchannel_logout_uri: REDIRECT.replace('/callback', '/logout'),
      backchannel_logout_session_required: true,
    },
  ],
  pkce: { required: () => true },
  claims: {
    openid: ['sub', 'sid', 'groups'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
  },
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => {
      const [name, ...groups] = id.split('+');
      return {
        sub: id,
        name: name.toUpperCase(),
        preferred_username: name,
        email: `${name}@example.org`,
        email_verified: !groups.includes('unverified'),
        groups,
      };
    },
  }),
});
createServer(provider.callback()).listen(Number(PORT), '127.0.0.1');

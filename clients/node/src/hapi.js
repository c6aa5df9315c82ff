// hapi: the auth scheme `menjin`. Does not: speak to menjin by itself.

import { Refusal } from './refusal.js'
import { headersOf } from './source.js'
import { Verifier, createVerifier } from './verifier.js'

/** `await server.register(plugin)`, then `server.auth.strategy('menjin', 'menjin', options)`. */
export const plugin = {
  name: '@menjin/node',
  register(server) {
    server.auth.scheme('menjin', scheme)
    // What a handler threw, by `caller.require(…)` or from session data, is in the client's language too.
    server.ext('onPreResponse', ({ response, headers }, h) => {
      if (response instanceof Refusal) response.in(headers['accept-language'])
      return h.continue
    })
  },
}

/** Options: those of `createVerifier`, or `{ verifier }`. The verifier is `server.auth.api.<strategy>`. */
function scheme(server, options) {
  const theirs = options.verifier instanceof Verifier
  const verifier = theirs ? options.verifier : createVerifier(options)
  if (!theirs) server.ext('onPostStop', () => verifier.close())
  return {
    api: verifier,
    async authenticate(request, h) {
      try {
        const caller = await verifier.check(headersOf(request.raw.req))
        return h.authenticated({ credentials: credentials(caller), artifacts: { caller } })
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        return h.unauthenticated(refused(error, request, server.auth.lookup(request.route)))
      }
    },
  }
}

/** hapi reads `user` and `scope` itself: `auth: { scope: ['orders:read'] }`. Roles and permissions are scopes to it. */
function credentials(caller) {
  const { user, session, clientId, claims, legacy } = caller
  // A permission that is called like a role is none of it.
  const permissions = caller.permissions.filter((permission) => !permission.startsWith('role:'))
  const scope = [...caller.scope, ...caller.roles.map((role) => `role:${role}`), ...permissions]
  return { user, session, scope, clientId, claims, legacy }
}

/** Where hapi may go on without a token, or with another strategy, it must know that there was none. */
function refused(refusal, request, { mode, strategies }) {
  const goesOn = mode !== 'required' || strategies.length > 1
  if (refusal.code === 'token_missing' && goesOn) refusal.isMissing = true
  return refusal.in(request.headers['accept-language'])
}

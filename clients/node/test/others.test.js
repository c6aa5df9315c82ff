// Other people's verifiers and OAuth clients, as they are published, against a real menjin.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import jwksClient from 'jwks-rsa'
import * as oauth from 'openid-client'
import { Menjin } from './harness.js'

test('jose alone verifies a token by the JWKS', async (t) => {
  const menjin = await Menjin.start(t)
  const alice = await menjin.signIn('alice')
  const keys = createRemoteJWKSet(new URL(`${menjin.url}/.well-known/jwks.json`))
  const expected = { issuer: menjin.url, audience: 'demo', typ: 'at+jwt', algorithms: ['ES256'] }
  const { payload } = await jwtVerify(alice.access_token, keys, expected)
  assert.deepEqual([payload.sub, payload.sid], [alice.user.id, alice.session_id])
  await assert.rejects(jwtVerify(alice.access_token, keys, { ...expected, audience: 'other' }), {
    code: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
  })
})

test('jsonwebtoken with jwks-rsa verifies a token by the JWKS', async (t) => {
  const menjin = await Menjin.start(t)
  const alice = await menjin.signIn('alice')
  const client = jwksClient({ jwksUri: `${menjin.url}/.well-known/jwks.json`, cache: true, rateLimit: true })
  const key = async ({ kid }) => (await client.getSigningKey(kid)).getPublicKey()
  const { header } = jsonwebtoken.decode(alice.access_token, { complete: true })
  const claims = jsonwebtoken.verify(alice.access_token, await key(header), {
    algorithms: ['ES256'],
    issuer: menjin.url,
    audience: 'demo',
  })
  assert.deepEqual([claims.sub, claims.sid], [alice.user.id, alice.session_id])
})

test("openid-client gets a token of the app's own, asks about a person's token, and gives one up", async (t) => {
  const menjin = await Menjin.start(t)
  const { id, secret } = menjin.app
  const discovered = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] }
  // It percent-encodes id and secret, the `-` of `demo-backend` included (RFC 6749 section 2.3.1).
  const config = await oauth.discovery(new URL(menjin.url), id, undefined, oauth.ClientSecretBasic(secret), discovered)
  const own = await oauth.clientCredentialsGrant(config, { scope: 'session-data' })
  assert.deepEqual([own.token_type, own.scope], ['bearer', 'session-data'])
  const alice = await menjin.signIn('alice')
  const person = await oauth.tokenIntrospection(config, alice.access_token)
  assert.deepEqual([person.active, person.sub, person.sid], [true, alice.user.id, alice.session_id])
  assert.equal((await oauth.tokenIntrospection(config, 'nobody')).active, false)
  const response = await fetch(`${menjin.url}/v1/session/data`, {
    headers: { authorization: `Bearer ${own.access_token}`, 'menjin-subject-token': alice.access_token },
  })
  assert.deepEqual([response.status, (await response.json()).data], [200, {}])
  const wrong = oauth.clientCredentialsGrant(config, { scope: 'everything' })
  await assert.rejects(wrong, { error: 'invalid_scope' })
  await oauth.tokenRevocation(config, 'nobody')
})

// What a configuration changes: the tokens of an audience, where menjin is reached, secrets of any characters, other audiences.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import { createVerifier } from '../src/index.js'
import { ISSUER, SECRET, configured } from './configured.js'
import { closing, quiet, refusal } from './harness.js'

const AS_JWT = `
[audience.shop-api]
typ = "JWT"
alg = "RS256"
[audience.shop-api.claims]
userId = "user.number"
tenant = "acme"
`

function verifier(t, url, audience, more = {}) {
  const app = { id: audience, secret: SECRET }
  return closing(t, createVerifier({ issuer: ISSUER, url, audience, app, log: quiet(), ...more }))
}

test('tokens with typ JWT, another algorithm and claims of the audience are taken where that is said', async (t) => {
  const menjin = await configured(t, AS_JWT)
  const alice = await menjin.signIn('alice')
  const header = JSON.parse(Buffer.from(alice.access_token.split('.')[0], 'base64url').toString())
  assert.deepEqual([header.typ, header.alg], ['JWT', 'RS256'])
  const { user, claims } = await verifier(t, menjin.url, 'shop-api', { acceptJwtTyp: true }).verify(alice.access_token)
  assert.deepEqual([user, claims.userId, claims.tenant], [alice.user.id, alice.user.number, 'acme'])
  assert.equal(await refusal(verifier(t, menjin.url, 'shop-api').verify(alice.access_token)), 'token_invalid')
})

test("a token for another audience opens neither the door nor the session's data", async (t) => {
  const menjin = await configured(t, '')
  const [guard, other] = [verifier(t, menjin.url, 'shop-api'), verifier(t, menjin.url, 'other-api')]
  const alice = await menjin.signIn('alice')
  assert.equal(await refusal(guard.verify(alice.access_token)), 'let in')
  assert.equal(await refusal(other.verify(alice.access_token)), 'token_invalid')
  await guard.sessionData(alice.access_token).set('cart', ['tea'])
  assert.equal(await refusal(other.sessionData(alice.access_token).get('cart')), 'token_invalid')
  const foreign = await guard.openSession({ number: alice.user.number, app: 'other' }).catch((error) => error)
  assert.deepEqual([foreign.name, foreign.answer?.status], ['MenjinError', 403])
})

test("a secret of any characters proves the app, in our Basic and in openid-client's", async (t) => {
  const menjin = await configured(t, '')
  const alice = await menjin.signIn('alice')
  const guard = verifier(t, menjin.url, 'shop-api')
  await guard.ready()
  await guard.sessionData(alice.access_token).set('cart', ['tea'])
  const metadata = {
    issuer: ISSUER,
    token_endpoint: `${menjin.url}/oauth2/token`,
    introspection_endpoint: `${menjin.url}/oauth2/introspect`,
  }
  const config = new oauth.Configuration(metadata, 'shop-api', undefined, oauth.ClientSecretBasic(SECRET))
  oauth.allowInsecureRequests(config)
  assert.equal((await oauth.clientCredentialsGrant(config)).token_type, 'bearer')
  assert.equal((await oauth.tokenIntrospection(config, alice.access_token)).sub, alice.user.id)
})

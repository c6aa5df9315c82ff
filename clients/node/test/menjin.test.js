// The whole package against a real menjin: ends, keys, outages, session data, sessions that a back end opens.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MenjinError, createVerifier } from '../src/index.js'
import { Menjin, closing, quiet, refusal, until } from './harness.js'

const menjinFor = (t) => Menjin.start(t)

function verifier(t, menjin, more = {}) {
  return closing(t, createVerifier({ ...menjin.options, log: quiet(), ...more }))
}

test('a person who has signed in is known, with the ids that menjin told the phone', async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin)
  await guard.ready()
  const alice = await menjin.signIn('alice')
  const caller = await guard.verify(alice.access_token)
  assert.deepEqual([caller.user, caller.session.id, caller.clientId], [alice.user.id, alice.session_id, 'demo'])
})

test('who is banned is refused on all devices, in every program that listens, with the reason', async (t) => {
  const menjin = await menjinFor(t)
  const guards = Array.from({ length: 3 }, () => verifier(t, menjin))
  const phones = await Promise.all(['one', 'two', 'three'].map((device) => menjin.signIn('mallory', device)))
  const bob = await menjin.signIn('bob')
  const all = () => guards.flatMap((guard) => phones.map((phone) => refusal(guard.verify(phone.access_token))))
  assert.deepEqual(new Set(await Promise.all(all())), new Set(['let in']))
  await menjin.command('user', 'disable', phones[0].user.id)
  await until('the ban is everywhere', async () => (await Promise.all(all())).every((code) => code === 'user_disabled'))
  assert.equal(await refusal(guards[0].verify(bob.access_token)), 'let in')
})

test("a kicked session is refused, and the person's other device is not", async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin)
  const [one, two] = [await menjin.signIn('alice', 'one'), await menjin.signIn('alice', 'two')]
  assert.equal(await refusal(guard.verify(one.access_token)), 'let in')
  await menjin.kick(one.session_id)
  await until('the kick is heard', async () => (await refusal(guard.verify(one.access_token))) === 'session_kicked')
  assert.equal(await refusal(guard.verify(two.access_token)), 'let in')
})

test('an end of before it started is known to a new program from its first answer on', async (t) => {
  const menjin = await menjinFor(t)
  const alice = await menjin.signIn('alice')
  const old = verifier(t, menjin)
  await menjin.kick(alice.session_id)
  await until('the kick is told', async () => (await refusal(old.verify(alice.access_token))) === 'session_kicked')
  assert.equal(await refusal(verifier(t, menjin).verify(alice.access_token)), 'session_kicked')
})

test('keys rotate under load without one refusal', async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin)
  const alice = await menjin.signIn('alice')
  const seen = new Set()
  const kids = async () =>
    (await (await fetch(`${menjin.url}/.well-known/jwks.json`)).json()).keys.map(({ kid }) => kid)
  let rotating = true
  const load = Array.from({ length: 8 }, async () => {
    while (rotating) seen.add(await refusal(guard.verify(alice.access_token)))
  })
  const before = await kids()
  await menjin.command('key', 'rotate')
  await until('the next key is published', async () => (await kids()).length > before.length)
  const bob = await menjin.signIn('bob')
  seen.add(await refusal(guard.verify(bob.access_token)))
  rotating = false
  await Promise.all(load)
  assert.deepEqual(seen, new Set(['let in']))
})

test('a revoked key verifies nothing more, and its successor is taken at once', async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin)
  const alice = await menjin.signIn('alice')
  assert.equal(await refusal(guard.verify(alice.access_token)), 'let in')
  const [key] = JSON.parse(await menjin.command('key', 'list', '--json'))
  await menjin.command('key', 'revoke', key.kid)
  await until(
    'the revoked key is refused',
    async () => (await refusal(guard.verify(alice.access_token))) === 'token_invalid',
  )
  const again = await until('the new key signs', async () => {
    const answer = await menjin.post('/v1/token/refresh', { refresh_token: alice.refresh_token })
    alice.refresh_token = answer.refresh_token
    const { kid } = JSON.parse(Buffer.from(answer.access_token.split('.')[0], 'base64url').toString())
    return kid !== key.kid && answer
  })
  await until('its tokens are taken', async () => (await refusal(guard.verify(again.access_token))) === 'let in')
})

test('while menjin is away everybody who is signed in goes on, for revocation_max_lag; and when it is back, it serves again', async (t) => {
  const menjin = await menjinFor(t)
  let ahead = 0
  const guard = verifier(t, menjin, { now: () => Date.now() + ahead })
  const alice = await menjin.signIn('alice')
  assert.equal(await refusal(guard.verify(alice.access_token)), 'let in')
  await menjin.stop()
  assert.equal(await refusal(guard.verify(alice.access_token)), 'let in')
  ahead = 31_000
  assert.equal(await refusal(guard.verify(alice.access_token)), 'revocations_stale')
  assert.equal(await refusal(guard.sessionData(alice.access_token).get('cart')), 'menjin_unavailable')
  await menjin.begin()
  await until('the feed is read again', async () => (await refusal(guard.verify(alice.access_token))) === 'let in')
  await menjin.kick(alice.session_id)
  await until(
    'ends are heard again',
    async () => (await refusal(guard.verify(alice.access_token))) === 'session_kicked',
  )
})

test('values are kept by session, and two devices of one person are apart', async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin)
  const [one, two] = [await menjin.signIn('alice', 'one'), await menjin.signIn('alice', 'two')]
  const [{ session: first }, { session: second }] = [
    await guard.verify(one.access_token),
    await guard.verify(two.access_token),
  ]
  assert.equal(await first.get('cart'), undefined)
  assert.deepEqual(await first.all(), {})
  await first.set('cart', ['tea'])
  await second.set('cart', ['milk'])
  await first.set('odd', { 门: [null, 1.5, ''] })
  assert.deepEqual(await first.get('cart'), ['tea'])
  assert.deepEqual(await second.get('cart'), ['milk'])
  assert.deepEqual(await first.all(), { cart: ['tea'], odd: { 门: [null, 1.5, ''] } })
  await first.del('odd')
  await first.del('odd')
  assert.equal(await first.get('odd'), undefined)
  await first.flush()
  assert.deepEqual(await first.all(), {})
  assert.deepEqual(await second.all(), { cart: ['milk'] })
  await first.ofUser.set('size', 'M')
  assert.equal(await second.ofUser.get('size'), 'M')
  assert.equal(await first.get('size'), undefined)
  assert.equal(await guard.sessionData(two.access_token, { scope: 'user' }).get('size'), 'M')
})

test('parallel writers lose nothing: not of one key, not of many', async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin)
  const { session } = await guard.verify((await menjin.signIn('alice')).access_token)
  await Promise.all(Array.from({ length: 12 }, () => session.update('count', (count = 0) => count + 1)))
  assert.equal(await session.get('count'), 12)
  await Promise.all([
    ...Array.from({ length: 6 }, (_, at) => session.merge({ [`merged${at}`]: at, [`beside${at}`]: true })),
    ...Array.from({ length: 6 }, (_, at) => session.set(`set${at}`, at)),
  ])
  const all = await session.all()
  assert.equal(Object.keys(all).length, 1 + 6 * 3)
  await session.merge({ count: undefined, set0: 'changed' })
  const { count, set0 } = await session.all()
  assert.deepEqual([count, set0], [undefined, 'changed'])
  assert.equal(await session.update('count', () => undefined), undefined)
  await session.update('set0', () => undefined)
  assert.equal(await session.get('set0'), undefined)
})

test('a merge passes on what it does not change as it was written', async (t) => {
  const menjin = await menjinFor(t)
  const alice = await menjin.signIn('alice')
  const { session } = await verifier(t, menjin).verify(alice.access_token)
  const basic = `Basic ${btoa(`${menjin.app.id}:${menjin.app.secret}`)}`
  const headers = {
    authorization: basic,
    'menjin-subject-token': alice.access_token,
    'content-type': 'application/json',
  }
  const whole = `${menjin.url}/v1/session/data`
  const theirs = '{"big":123456789012345678901,"exact":1.10,"deep":{"a":[1e300,"}]\\"",{}]}}'
  const put = async (url, body) => assert.equal((await fetch(url, { method: 'PUT', headers, body })).status, 200)
  await put(whole, `{"data":${theirs}}`)
  await put(`${whole}/short`, '{"value":1.0,"ttl":600}')
  const before = await (await fetch(whole, { headers })).text()
  await session.merge({ step: { n: [2] }, odd: '"},{' })
  await session.merge({ step: undefined, odd: undefined })
  assert.equal(await (await fetch(whole, { headers })).text(), before)
  assert.match(before, /123456789012345678901.*"short":1\.0.*expires_at/)
  await assert.rejects(session.merge({ 'a/b': 1 }), { message: /is no key/ })
})

test('odd keys reach nobody, and what is too large is told', async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin)
  const { session } = await guard.verify((await menjin.signIn('alice')).access_token)
  for (const key of ['', '.', '..', '../me', 'a/b', 'a%2fb', 'a?scope=user', 'ü', 'x'.repeat(65), undefined, null]) {
    await assert.rejects(async () => session.set(key, 1), { message: /is no key/ }, String(key))
  }
  for (const key of ['__proto__', 'constructor', 'a.b:c-d_e', 'x'.repeat(64)]) {
    await session.set(key, [key]).catch((error) => {
      throw new Error(`${key}: ${error.message}`)
    })
    assert.deepEqual(await session.get(key), [key])
  }
  const all = await session.all()
  assert.deepEqual(Object.keys(all).sort(), ['__proto__', 'a.b:c-d_e', 'constructor', 'x'.repeat(64)])
  for (const act of ['get', 'del', 'update'])
    await assert.rejects(async () => session[act](null), { message: /is no key/ }, act)
  const error = await session.set('big', 'x'.repeat(5000)).catch((error) => error)
  assert.ok(error instanceof MenjinError, String(error))
  assert.deepEqual([error.code, error.answer.status], ['session_data_full', 413])
  await assert.rejects(async () => session.set('nothing', undefined), { message: /not JSON/ })
})

test('session data of an ended session is a refusal with its reason', async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin)
  const alice = await menjin.signIn('alice')
  await menjin.kick(alice.session_id)
  const error = await guard
    .sessionData(alice.access_token)
    .get('cart')
    .catch((error) => error)
  assert.deepEqual([error.name, error.code, error.status, error.action], ['Refusal', 'session_kicked', 401, 'relogin'])
})

test('a back end opens a session for somebody whom it knows, with claims of its own', async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin)
  const opened = await guard.openSession({
    external_id: 'old-42',
    app: 'demo',
    claims: { shop: 7 },
    device: { id: 'till', class: 'other' },
  })
  assert.equal(opened.is_new_user, true)
  const caller = await guard.verify(opened.access_token)
  assert.deepEqual([caller.user, caller.session.id, caller.claims.shop], [opened.user.id, opened.session_id, 7])
  await caller.session.set('step', 1)
  const again = await guard.openSession({ external_id: 'old-42', app: 'demo' })
  assert.deepEqual([again.user.id, again.is_new_user], [opened.user.id, false])
  const byNumber = await guard.openSession({ number: opened.user.number, app: 'demo' })
  assert.equal(byNumber.user.id, opened.user.id)
  const unknown = await guard.openSession({ number: 123456, app: 'demo' }).catch((error) => error)
  assert.deepEqual([unknown.name, unknown.code, unknown.answer.status], ['MenjinError', 'user_unknown', 404])
})

test("a wrong secret is our mistake, not the caller's", async (t) => {
  const menjin = await menjinFor(t)
  const guard = verifier(t, menjin, { app: { id: 'demo-backend', secret: 'wrong' } })
  const alice = await menjin.signIn('alice')
  const error = await guard
    .sessionData(alice.access_token)
    .get('cart')
    .catch((error) => error)
  assert.deepEqual([error.name, error.code, error.status], ['MenjinError', 'client_invalid', undefined])
  await until('ready says so', async () => {
    const error = await guard.ready({ timeout: 1 }).catch((error) => error)
    return /401 client_invalid/.test(error.message)
  })
  assert.equal(await refusal(verifier(t, menjin, { feed: false }).verify(alice.access_token)), 'let in')
})

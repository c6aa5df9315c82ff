// What the verifier takes and what it refuses, with tokens of our own making.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { Refusal, createVerifier } from '../src/index.js'
import { quiet, refusal } from './harness.js'
import { ISSUER, Mint, SESSION, USER } from './mint.js'

function verifier(mint, more = {}) {
  return createVerifier({ ...mint.options, log: quiet(), ...more })
}

test('a good token names user, session, app, scope, roles and permissions', async () => {
  const mint = await Mint.open()
  const token = await mint.token({ scope: 'a b', roles: ['clerk'], permissions: ['orders:*'] })
  const caller = await verifier(mint).check({ authorization: `Bearer ${token}` })
  assert.equal(caller.user, USER)
  assert.equal(caller.session.id, SESSION)
  assert.equal(JSON.stringify({ session: caller.session }), JSON.stringify({ session: SESSION }))
  assert.equal(caller.clientId, 'shop')
  assert.deepEqual(caller.scope, ['a', 'b'])
  caller.requireScope('b')
  caller.requireRole('clerk')
  caller.require('orders:read')
  assert.throws(() => caller.requireScope('c'), { code: 'insufficient_scope', status: 403 })
  assert.throws(() => caller.requireRole('boss'), { code: 'forbidden' })
  assert.throws(() => caller.require('stock:read'), { code: 'forbidden' })
})

for (const alg of ['ES256', 'EdDSA', 'RS256']) {
  test(`${alg} tokens are taken when the key is ${alg}`, async () => {
    const mint = await Mint.open(alg)
    assert.equal((await verifier(mint).verify(await mint.token())).user, USER)
  })
}

test('what is not right in a token refuses it', async () => {
  const mint = await Mint.open()
  const guard = verifier(mint)
  const second = Math.floor(mint.at / 1000)
  const wrong = {
    'another issuer': [{ iss: `${ISSUER}/` }],
    'a list of issuers': [{ iss: [ISSUER] }],
    'another audience': [{ aud: ['other', ISSUER] }],
    'no audience': [{ aud: undefined }],
    'not yet': [{ nbf: second + 31 }],
    'exp of text': [{ exp: String(second + 900) }],
    'no exp': [{ exp: undefined }],
    'no iat': [{ iat: undefined }],
    'no session: an app itself': [{ sid: undefined, sub: 'shop' }],
    'sub of another type': [{ sub: 7 }],
    'an empty sub': [{ sub: '' }],
    'another kind': [{}, { typ: 'JWT' }],
    'another kind that says access': [{ token_use: 'access' }, { typ: 'JWT' }],
    'no kind': [{}, { typ: undefined }],
    'an unknown key': [{}, { kid: 'who' }],
    'no key': [{}, { kid: undefined }],
    'an extension that must be understood': [{}, { crit: ['b64'], b64: true }],
    'a payload that is said to be no base64': [{}, { b64: false }],
  }
  for (const [what, [claims, header]] of Object.entries(wrong)) {
    assert.equal(await refusal(guard.verify(await mint.token(claims, header))), 'token_invalid', what)
  }
  const good = await mint.token()
  const [head, body] = good.split('.')
  for (const text of ['', 'x', 'x.y.z', `${good}.`, `${head}.${body}.`, good.slice(0, -8), `a.${'b'.repeat(9000)}.c`]) {
    assert.equal(await refusal(guard.verify(text)), 'token_invalid', text.slice(0, 40))
  }
  // The same bytes to who is lenient: the last digit of 64 bytes has four bits that say nothing.
  const respelt = good.replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1))
  assert.equal(await refusal(guard.verify(respelt)), 'token_invalid')
  assert.equal((await guard.verify(good)).user, USER)
  for (const text of [`${good}\n`, `${good} x`, `é${good}`, null, {}]) {
    assert.equal(await refusal(guard.verify(text)), 'token_invalid')
    assert.throws(() => guard.sessionData(text), { code: 'token_invalid' })
  }
})

test("the algorithm is the key's: neither none nor an HMAC with the public key gets in", async () => {
  const mint = await Mint.open()
  const guard = verifier(mint)
  const { jwk, kid } = mint.keys[0]
  const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  for (const secret of [JSON.stringify(jwk), jwk.x, Buffer.from(jwk.x, 'base64url')]) {
    const signed = `${encoded({ alg: 'HS256', kid, typ: 'at+jwt' })}.${encoded(mint.claims)}`
    const mac = createHmac('sha256', secret).update(signed).digest('base64url')
    assert.equal(await refusal(guard.verify(`${signed}.${mac}`)), 'token_invalid')
  }
  for (const alg of ['none', 'None', 'ES384', 'RS256']) {
    const unsigned = `${encoded({ alg, kid, typ: 'at+jwt' })}.${encoded(mint.claims)}.`
    assert.equal(await refusal(guard.verify(unsigned)), 'token_invalid', alg)
  }
})

test('a key of another algorithm than ours is none', async () => {
  const mint = await Mint.open()
  const { jwk } = mint.keys[0]
  const guard = verifier(mint)
  for (const changed of [{ alg: undefined }, { alg: 'HS256' }, { use: 'enc' }]) {
    mint.keys[0].jwk = { ...jwk, ...changed }
    assert.equal(await refusal(verifier(mint).verify(await mint.token())), 'keys_unavailable')
  }
  mint.keys[0].jwk = jwk
  assert.equal((await guard.verify(await mint.token())).user, USER)
})

test('an expired token is told apart, after thirty seconds of leeway', async () => {
  const mint = await Mint.open()
  const guard = verifier(mint)
  const token = await mint.token()
  mint.at += 929_000
  assert.equal((await guard.verify(token)).user, USER)
  mint.at += 1_000
  const error = await guard.verify(token).catch((error) => error)
  assert.deepEqual([error.code, error.status, error.action], ['token_expired', 401, 'refresh'])
})

test('typ JWT is taken on request, and only with token_use access', async () => {
  const mint = await Mint.open()
  const guard = verifier(mint, { acceptJwtTyp: true })
  assert.equal((await guard.verify(await mint.token({ token_use: 'access' }, { typ: 'JWT' }))).user, USER)
  assert.equal((await guard.verify(await mint.token())).user, USER)
  for (const token_use of [undefined, 'id', ['access']]) {
    assert.equal(await refusal(guard.verify(await mint.token({ token_use }, { typ: 'JWT' }))), 'token_invalid')
  }
})

test('a token stands in one Authorization header, behind Bearer or JWT', async () => {
  const mint = await Mint.open()
  const guard = verifier(mint)
  const token = await mint.token()
  for (const authorization of [`Bearer ${token}`, `bearer  ${token} `, `JWT ${token}`, [`Bearer ${token}`]]) {
    assert.equal((await guard.check({ authorization })).user, USER)
  }
  assert.equal((await guard.check(new Headers({ authorization: `Bearer ${token}` }))).user, USER)
  for (const headers of [
    {},
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: `Basic ${token}` },
    { authorization: token },
    { cookie: `token=${token}` },
  ]) {
    assert.equal(await refusal(guard.check(headers)), 'token_missing')
  }
  assert.equal(await refusal(guard.check({ authorization: [`Bearer ${token}`, `Bearer ${token}`] })), 'token_invalid')
  assert.equal((await verifier(mint, { bare: true }).check({ authorization: token })).user, USER)
})

test('a flood of unknown kids makes one fetch a minute', async () => {
  const mint = await Mint.open()
  const guard = verifier(mint)
  const token = await mint.token()
  await guard.verify(token)
  mint.at += 6_000
  const flood = async () => {
    const tokens = await Promise.all(Array.from({ length: 200 }, (_, at) => mint.token({}, { kid: `k${at}` })))
    const refused = await Promise.all(tokens.map((one) => refusal(guard.verify(one))))
    assert.deepEqual(new Set(refused), new Set(['token_invalid']))
  }
  assert.equal(mint.fetches, 1)
  await flood()
  await flood()
  assert.equal(mint.fetches, 2)
  mint.at += 60_000
  await flood()
  assert.equal(mint.fetches, 3)
  assert.equal((await guard.verify(token)).user, USER)
})

test('a hundred first requests make one fetch', async () => {
  const mint = await Mint.open()
  const guard = verifier(mint)
  const token = await mint.token()
  const callers = await Promise.all(Array.from({ length: 100 }, () => guard.verify(token)))
  assert.equal(callers.length, 100)
  assert.equal(mint.fetches, 1)
})

test('a key that came since is fetched for the first token that names it', async () => {
  const mint = await Mint.open()
  const guard = verifier(mint)
  const old = await mint.token()
  await guard.verify(old)
  await mint.rotate('second')
  mint.at += 6_000
  assert.equal((await guard.verify(await mint.token())).user, USER)
  assert.equal((await guard.verify(old)).user, USER)
})

test('keys past their age serve for fifteen minutes while menjin is away, and then nobody gets in', async () => {
  const mint = await Mint.open()
  const guard = verifier(mint)
  await guard.verify(await mint.token())
  mint.away = true
  mint.at += (300 + 899) * 1000
  assert.equal((await guard.verify(await mint.token())).user, USER)
  mint.at += 1_000
  const error = await guard.verify(await mint.token()).catch((error) => error)
  assert.deepEqual([error.code, error.status, error.output.headers['retry-after']], ['keys_unavailable', 503, '2'])
  mint.away = false
  mint.at += 1_000
  assert.equal((await guard.verify(await mint.token())).user, USER)
})

test('without any key it is a 503, never a 401', async () => {
  const mint = await Mint.open()
  mint.away = true
  const log = quiet()
  assert.equal(await refusal(verifier(mint, { log }).verify(await mint.token())), 'keys_unavailable')
  await assert.rejects(verifier(mint).ready(), { message: /^keys_unavailable: .*ECONNREFUSED/ })
  assert.match(log.said[0], /keys can't be read from https:\/\/login\.example\.com\/\S+: fetch failed \(ECONNREFUSED\)/)
})

test('old tokens are good until the date of their entry, and not after', async () => {
  const mint = await Mint.open()
  const secret = 'the-old-systems-secret-of-32-bytes-or-more'
  const until = new Date(mint.at + 3_600_000)
  const guard = verifier(mint, {
    legacy: [
      { name: 'other', secret: 'x'.repeat(32), until },
      { name: 'hapi', secret, until: until.toISOString() },
    ],
  })
  const old = (claims, by = secret, header = { alg: 'HS256', typ: 'JWT' }) => {
    const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${encoded(header)}.${encoded({ exp: Math.floor(mint.at / 1000) + 604_800, ...claims })}`
    return `${signed}.${createHmac('sha256', by).update(signed).digest('base64url')}`
  }
  const token = old({ userId: 42 })
  const caller = await guard.verify(token)
  assert.deepEqual(caller.legacy, { name: 'hapi', number: 42 })
  assert.deepEqual([caller.user, caller.session], [null, null])
  const boss = await guard.verify(old({ userId: 42, scope: 'all', roles: ['clerk'], permissions: ['*'] }))
  assert.deepEqual([boss.scope, boss.roles, boss.permissions], [[], [], []], 'menjin has given none of these')
  for (const claims of [{ token_type: 'sliding' }, { typ: 'Bearer', type: 'vip' }]) {
    assert.equal((await guard.verify(old({ userId: 42, ...claims }))).legacy.number, 42)
  }
  for (const wrong of [
    old({ userId: 42 }, 'another secret'),
    old({ userId: 42, exp: undefined }),
    old({}),
    old({ userId: '42x' }),
    old({ userId: -1 }),
    old({ userId: 42 }, secret, { alg: 'HS256', typ: 'at+jwt' }),
    old({ userId: 42 }, secret, { alg: 'HS512', typ: 'JWT' }),
    old({ userId: 42, token_type: 'refresh' }),
    old({ userId: 42, token_type: ['access'] }),
    old({ userId: 42, token_use: 'id' }),
    old({ userId: 42, type: 'refresh' }),
    old({ userId: 42, typ: 'Offline' }),
  ]) {
    assert.equal(await refusal(guard.verify(wrong)), 'token_invalid')
  }
  const over = await guard.verify(old({ userId: 42, exp: Math.floor(mint.at / 1000) - 31 })).catch((error) => error)
  assert.deepEqual([over.code, over.action], ['token_expired', 'relogin'])
  assert.equal((await guard.verify(await mint.token())).user, USER)
  assert.equal(await refusal(verifier(mint).verify(token)), 'token_invalid')
  mint.at += 3_599_999
  assert.equal((await guard.verify(token)).legacy.number, 42)
  mint.at += 1
  assert.equal(await refusal(guard.verify(token)), 'token_invalid')
})

test('a refusal is a problem, in the language that the client asks for', () => {
  const refusal = new Refusal('session_replaced')
  const { statusCode, headers, payload } = refusal.in('fr, zh-CN;q=0.9, en;q=0.1').output
  assert.equal(statusCode, 401)
  assert.deepEqual(payload, {
    type: '/problems/session_replaced',
    title: '已在其他设备登录',
    status: 401,
    detail: '账号已在其他设备登录，请重新登录。',
    code: 'session_replaced',
    action: 'relogin',
  })
  assert.equal(headers['content-language'], 'zh-CN')
  assert.equal(
    headers['WWW-Authenticate'],
    'Bearer realm="menjin", error="invalid_token", error_description="Signed in elsewhere"',
  )
  assert.equal(refusal.in(undefined).problem.title, 'Signed in elsewhere')
  assert.equal(new Refusal('token_missing').output.headers['WWW-Authenticate'], 'Bearer realm="menjin"')
  assert.equal(
    new Refusal('insufficient_scope', { scope: 'a"b' }).output.headers['WWW-Authenticate'],
    'Bearer realm="menjin", error="insufficient_scope", scope="ab"',
  )
})

test("options that can't be meant are refused with the remedy", async () => {
  const good = { issuer: ISSUER, audience: 'shop', feed: false }
  const wrong = [
    [{ issuer: `${ISSUER}/` }, /issuer must be .*public_url/],
    [{ issuer: undefined }, /issuer must be/],
    [{ audience: '' }, /audience is missing/],
    [{ feed: undefined }, /feed: false/],
    [{ app: { id: 'x' } }, /app needs id and secret/],
    [{ leeway: 61 }, /leeway must be/],
    [{ revocationMaxLag: 1 }, /revocationMaxLag must be 6/],
    [{ issuers: 'x' }, /issuers is no option/],
    [{ legacy: [{ name: 'old', secret: 's', until: 'soon' }] }, /legacy old: until must be a date/],
    [{ legacy: [{ name: 'old', until: '2027-01-01' }] }, /legacy old: secret is missing/],
    [
      { legacy: [{ name: 'old', secret: '-----BEGIN PUBLIC KEY-----', until: '2027-01-01' }] },
      /legacy old: secret is a public key/,
    ],
  ]
  for (const [more, message] of wrong) assert.throws(() => createVerifier({ ...good, ...more }), { message })
  const verifier = createVerifier(good)
  await assert.rejects(verifier.openSession({ number: 1, app: 'shop' }), /needs `app: \{ id, secret \}`/)
})

test('what a token has not room for is asked with it, once', async () => {
  const mint = await Mint.open()
  let [asked, status] = [0, 503]
  const fetch = async (url, init) => {
    if (!String(url).endsWith('/v1/me/roles')) return mint.fetch(url)
    asked += 1
    assert.match(init.headers.authorization, /^Bearer ey/)
    const body = { version: 9, roles: ['boss', 'clerk'], permissions: ['orders:*'] }
    return new Response(JSON.stringify(status === 200 ? body : { code: 'x' }), { status })
  }
  const guard = createVerifier({ ...mint.options, fetch, log: quiet() })
  await guard.verify(await mint.token({ roles: ['boss'] }))
  assert.equal(asked, 0, 'it says all')
  const token = await mint.token({ roles: ['boss'], rv: 9, more_roles: true })
  assert.equal(await refusal(guard.verify(token)), 'menjin_unavailable')
  status = 401
  assert.equal(await refusal(guard.verify(token)), 'token_expired')
  status = 200
  for (const _ of [1, 2, 3]) {
    const caller = await guard.verify(token)
    caller.requireRole('clerk')
    caller.require('orders:read')
  }
  assert.equal(asked, 3)
})
